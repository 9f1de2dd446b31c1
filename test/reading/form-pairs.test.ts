import { expect } from 'chai';
import fc from 'fast-check';
import { decodeAscii, decodeComponent, FormPairs } from '../../src/reading/form-pairs.js';

const character = fc.constantFrom('a', 'b', '&', '=', '+', '%', '4', '\0', '\x7f', '\x80', '\xff', 'ñ', '\uffff');
const form = fc.array(character, { maxLength: 16 }).map((characters) => characters.join(''));

const isPlain = (text: string) => !/[+%\0\u0080-\uffff]/.test(text);

describe('FormPairs', () => {
  it('finds the pairs that a split finds, and marks those that need no decoding', () => {
    fc.assert(
      fc.property(form, (text) => {
        const found: unknown[] = [];
        const pairs = new FormPairs(text);
        while (found.length <= text.length && pairs.next()) {
          found.push([pairs.name, pairs.value, pairs.isNamePlain, pairs.isPlain]);
        }
        const expected = text
          .split('&')
          .filter((pair) => pair !== '')
          .map((pair) => {
            const [, name = '', value] = /^([^=]*)=?(.*)$/s.exec(pair) ?? [];
            return [name, value, isPlain(name), isPlain(pair)];
          });
        expect(found).to.deep.equal(expected);
      }),
      { numRuns: 1_000 },
    );
  });

  it('have ended when they say so', () => {
    const pairs = new FormPairs('a=b&');
    expect([pairs.next(), pairs.next(), pairs.next()]).to.deep.equal([true, false, false]);
  });
});

describe('Decoding ASCII in the fast way', () => {
  const ascii = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));

  it('reads escapes of ASCII, and leaves all else behind a percent sign to the slow way', () => {
    for (const first of ascii) {
      for (const second of ascii) {
        const isAscii = /^[0-7][0-9a-fA-F]$/.test(first + second);
        const expected = isAscii ? `<${String.fromCharCode(Number.parseInt(first + second, 16))}>` : undefined;
        expect(decodeAscii(`<%${first}${second}>`), first + second).to.equal(expected);
      }
    }
  });

  it('reads each character of ASCII as itself, a plus as a space, and no other character', () => {
    for (const letter of ascii) {
      const expected = letter === '%' ? undefined : letter === '+' ? '- -' : `-${letter}-`;
      expect(decodeAscii(`-${letter}-`), letter).to.equal(expected);
    }
    for (const letter of ['\x80', '\xff', '\u0100', '\uffff', '💸']) expect(decodeAscii(letter)).to.equal(undefined);
    expect(decodeAscii('')).to.equal('');
  });

  it('reads no half of an escape, whatever was read before', () => {
    decodeAscii('a%41%41%41');
    for (const half of ['%', '%4', 'a%', 'a%4']) {
      expect(decodeAscii(half), half).to.equal(undefined);
      expect(decodeComponent(half)).to.equal(half);
    }
  });

  it('reads values of up to 1,024 characters', () => {
    const text = 'a'.repeat(1024);
    expect([decodeAscii(text), decodeAscii(`${text}a`)]).to.deep.equal([text, undefined]);
    expect(decodeComponent(`${text}+`)).to.equal(`${text} `);
  });

  it('gives the values of the slow way', () => {
    const value = fc.array(fc.constantFrom('a', '+', '%', '%25', '%41', '%7e', '%7F', '%00', '\0', ' '), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(value, (pieces) => {
        const raw = pieces.join('');
        const long = '-'.repeat(1024);
        const fast = decodeAscii(raw);
        if (fast !== undefined) expect(decodeComponent(long + raw)).to.equal(long + fast);
      }),
    );
  });
});
