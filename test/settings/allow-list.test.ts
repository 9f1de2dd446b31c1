import { expect } from 'chai';
import { refusalOf, toAllowList } from '../../src/settings/allow-list.js';

describe('refusalOf', () => {
  const cases: Array<[allowed: string, address: string | undefined, holds: boolean]> = [
    ['203.0.113.7', '203.0.113.7', true],
    ['203.0.113.7', '203.0.113.8', false],
    ['203.0.113.7', '::ffff:203.0.113.7', true],
    ['203.0.113.7', '::FFFF:203.0.113.7', true],
    ['203.0.113.7', '::ffff:203.0.113.8', false],
    ['203.0.113.7', '::ffff:cb00:7107', true],
    ['203.0.113.0/24', '203.0.113.255', true],
    ['203.0.113.0/24', '203.0.114.0', false],
    ['203.0.113.0/24', '::ffff:203.0.113.1', true],
    ['203.0.113.77/24', '203.0.113.1', true],
    ['203.0.113.7/32', '203.0.113.7', true],
    ['203.0.113.7/32', '203.0.113.6', false],
    ['0.0.0.0/0', '198.51.100.1', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['2001:db8::7', '2001:db8::7', true],
    ['2001:db8::7', '2001:0DB8:0:0:0:0:0:7', true],
    ['2001:db8::7', '2001:db8::8', false],
    ['2001:db8::/32', '2001:db8:ffff::1', true],
    ['2001:db8::/32', '2001:db9::1', false],
    ['fe80::/10', 'fe80::1%eth0', true],
    ['::1', '127.0.0.1', false],
    ['127.0.0.1', '::1', false],
    ['0.0.0.0/0', undefined, false],
    ['0.0.0.0/0', '', false],
    ['0.0.0.0/0', 'unknown', false],
    ['0.0.0.0/0', '203.0.113.7, 198.51.100.1', false],
    ['0.0.0.0/0', '203.0.113.7:443:1', false],
    ['203.0.113.5', '203.0.113.5:41234', true],
    ['203.0.113.5', ' 203.0.113.5 ', true],
    ['203.0.113.5', '\t203.0.113.5:41234', true],
    ['203.0.113.5', '[203.0.113.5]:80', true],
    ['203.0.113.5', '[::ffff:203.0.113.5]:80', true],
    ['203.0.113.6', '203.0.113.5:6', false],
    ['2001:db8::1', '[2001:db8::1]:443', true],
    ['2001:db8::1', ' [2001:db8::1]', true],
    ['::/0', '[]', false],
    ['::/0', '[::1', false],
  ];
  for (const [allowed, address, holds] of cases) {
    it(`${holds ? 'allows' : 'refuses'} ${JSON.stringify(address)} by ${allowed}`, () => {
      const refusal = refusalOf(toAllowList(['192.0.2.200', allowed]), address);
      if (holds) expect(refusal).to.equal(undefined);
      else expect(refusal).to.be.a('string');
    });
  }

  it('tells an address that is not allowed from text that is no address', () => {
    const list = toAllowList(['192.0.2.200']);
    expect(refusalOf(list, ' 203.0.113.7:443')).to.equal('203.0.113.7 is not in allowFrom');
    for (const sender of [undefined, null, ['203.0.113.7'], 'unknown', 'a\nb', '203.0.113.7, 198.51.100.1']) {
      expect(refusalOf(list, sender)).to.match(/^the address of the sender is not known as one IP address: check/);
    }
  });
});
