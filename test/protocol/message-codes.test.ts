import { expect } from 'chai';
import { messageCode, messageCodes } from '../../src/protocol/message-codes.js';

describe('messageCode', () => {
  it('knows Dragonpay’s fourteen codes', () => {
    const codes = ['000', '101', '102', '103', '104', '105', '106', '107', '108', '109', '110', '111', '201', '202'];
    expect(Object.keys(messageCodes).sort()).to.deep.equal(codes);
    for (const code of codes) expect(messageCode(`[${code}] a text`)).to.equal(code);
    expect(messageCodes['107']).to.equal('transaction cancelled');
  });

  const cases: ReadonlyArray<[message: string, code: string | undefined]> = [
    ['[107] Transaction cancelled #ABCD1234', '107'],
    ['[000] BDO Paid', '000'],
    ['[000]', '000'],
    ['Payment [107] was cancelled', undefined],
    ['[999] Not in the list', undefined],
    ['[10] Too short', undefined],
    ['[1070] Too long', undefined],
    ['107 without brackets', undefined],
    ['cancelled', undefined],
    ['', undefined],
  ];

  for (const [message, code] of cases) {
    it(`messageCode reads ${code ?? 'no code'} from "${message}"`, () => {
      expect(messageCode(message)).to.equal(code);
    });
  }
});
