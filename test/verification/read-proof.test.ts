import { expect } from 'chai';
import { readProof, readProofs } from '../../src/verification/read-proof.js';

const hexes = (text: string) => readProofs(text).map((bytes) => bytes.toString('hex'));
const base64Of = (text: string) => Buffer.from(text, 'base64').toString('hex');
const proof = Buffer.from('00fbefbe7f20a1b2c3d4e5f60718293a4b5c6dff', 'hex');
const [hex, base64] = [proof.toString('hex'), proof.toString('base64')];

describe('A proof', () => {
  const notations: Readonly<Record<string, string>> = {
    'in hex': hex,
    'in upper-case hex': hex.toUpperCase(),
    'in hex with dashes': hex.replace(/..(?=.)/g, '$&-'),
    'in hex with colons': hex.replace(/..(?=.)/g, '$&:'),
    'in base64': base64,
    'in base64 without padding': base64.replace('=', ''),
    'in base64url': proof.toString('base64url'),
    'in base64 with spaces for plus signs': base64.replaceAll('+', ' '),
    'with line breaks': `\r\n${hex.slice(0, 9)}\t\r\n${hex.slice(9)}\n`,
  };
  for (const [what, written] of Object.entries(notations)) {
    it(`${what} has the same bytes, however much is escaped`, () => {
      for (let escaped = 0; escaped <= written.length; escaped++) {
        const text = allEscaped(written.slice(0, escaped)) + encodeURIComponent(written.slice(escaped));
        expect(readProof(text, 20)?.toString('hex'), text).to.equal(hex);
      }
    });
  }

  function allEscaped(text: string): string {
    return [...text].map((one) => `%${Buffer.from(one).toString('hex')}`).join('');
  }

  it('is not read with anything in front of it, behind it or between its bytes', () => {
    for (const written of Object.values(notations)) {
      for (const junk of ['!', '%', 'é', '=', '.', '%zz', '\u0000']) {
        for (const at of [0, 1, 2, 3, 7, written.length]) {
          const text = written.slice(0, at) + junk + written.slice(at);
          // Base64 may end with two `=`.
          if (junk !== '=' || at < written.length) expect(readProof(text, 20), text).to.equal(undefined);
        }
      }
      expect(readProof(`${written}===`, 20), written).to.equal(undefined);
    }
    expect(readProof(`${hex.slice(0, 4)}${hex.slice(4).replace(/..(?=.)/g, '$&-')}`, 20)).to.equal(undefined);
    expect(readProof(` ${hex}`, 20)).to.equal(undefined);
  });

  it('is not read with another character in place of a digit', () => {
    for (const at of [0, 1, 20, 38, 39]) {
      for (const junk of ['g', '!', ' ', '%']) {
        expect(readProof(hex.slice(0, at) + junk + hex.slice(at + 1), 20), `${junk} at ${at}`).to.equal(undefined);
      }
    }
  });

  it('has the length that is asked for, in twelve characters a byte at most', () => {
    expect(readProof(hex.slice(2), 20)).to.equal(undefined);
    expect(readProof(`${hex}00`, 20)).to.equal(undefined);
    expect(readProof('z'.repeat(40), 20)).to.equal(undefined);
    expect(readProof(hex, 21)).to.equal(undefined);
    expect(readProof(hex + '\n'.repeat(200), 20)?.toString('hex')).to.equal(hex);
    expect(readProof(hex + '\n'.repeat(201), 20)).to.equal(undefined);
  });

  it('of any length is read in every way that its text allows', () => {
    expect(hexes('AQID')).to.deep.equal(['010203']);
    expect(hexes('abcdef')).to.deep.equal(['abcdef', base64Of('abcdef')]);
    expect(hexes('ab-cd')).to.deep.equal(['abcd', base64Of('ab-cd')]);
    expect(hexes('ab:cd')).to.deep.equal(['abcd']);
    expect(hexes('zzab')).to.deep.equal([base64Of('zzab')]);
    expect(hexes('abzz')).to.deep.equal([base64Of('abzz')]);
    expect(hexes('abzz\n')).to.deep.equal([base64Of('abzz')]);
    expect(hexes('abc')).to.deep.equal([base64Of('abc')]);
    expect(hexes('ab-cd-')).to.deep.equal([base64Of('ab-cd-')]);
    for (const none of ['', '\n', '=', '==', '!', '%', 'ab:', ':ab', 'a:b', 'AQID!', '!AQID', 'A=B', 'AQI===']) {
      expect(hexes(none), none).to.deep.equal([]);
    }
  });
});
