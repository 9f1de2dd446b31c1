import { expect } from 'chai';
import fc from 'fast-check';
import { signCallback } from '../../src/protocol/sign-callback.js';
import type { DragonpaySettings } from '../../src/settings/settings.js';
import { opensslHmac, opensslSha1, opensslSign } from '../support/openssl.js';
import { type Algorithm, type Fields, merchantKey, word } from '../support/proofs.js';

/** Each proof of these fields by `openssl`. The texts are joined here, by hand. */
type Prove = (fields: Fields, key: string) => Fields;

const provers: Readonly<Record<Algorithm | 'ascii' | 'payout', Prove>> = {
  rsa: ({ message, param1, param2 }) => ({
    signatures: opensslSign(merchantKey(), `T:R:S:${message}:ACME:${param1}:${param2}:`),
  }),
  hmac: ({ message }, key) => ({ signature: opensslHmac(key, `T:R:S:${message}:`).toUpperCase() }),
  sha1: ({ message }, key) => ({ digest: opensslSha1(`T:R:S:${message}:${key}`) }),
  ascii: ({ message }, key) => ({ digest: opensslSha1(asciiOf(`T:R:S:${message}:${key}`)) }),
  payout: ({ message }, key) => ({ digest: opensslSha1(`O:R:S:${message}:${key}`) }),
};

/** A question mark for each UTF-16 unit that is not ASCII. */
function asciiOf(text: string): Buffer {
  return Buffer.from(Array.from({ length: text.length }, (_, at) => Math.min(text.charCodeAt(at), 0x80))).map((byte) =>
    byte === 0x80 ? 0x3f : byte,
  ) as Buffer;
}

/** An ASCII digest needs an ASCII key. All others are tried with keys of any script. */
const keyOf = (name: keyof typeof provers, key: string) => (name === 'ascii' ? 'secret key' : key);

function settingsOf(name: keyof typeof provers, key: string): Partial<DragonpaySettings> {
  const wire = {
    payment: { sha1: { encodings: [name === 'ascii' ? 'ascii' : 'utf8'] } },
    payout: { sha1: { encodings: ['utf8'] } },
  } as const;
  const payout = { sha1: { secretKeys: [name === 'payout' ? key : 'payout key'] } };
  const sha1 = { secretKeys: [name === 'payout' ? 'secret key' : key] };
  if (name === 'rsa') return { wire, payout, verification: { rsa: { publicKeys: [merchantKey().publicKeyPem] } } };
  return { wire, payout, verification: name === 'hmac' ? { hmac: { keys: [key] } } : { sha1 } };
}

/**
 * The verdict on what `openssl` signed, and on the same text with one character changed. Our own proof must equal that
 * of `openssl`.
 */
async function compare(values: Fields, anyKey: string): Promise<void> {
  for (const [name, prove] of Object.entries(provers) as Array<[keyof typeof provers, Prove]>) {
    const key = keyOf(name, anyKey);
    const ids = name === 'payout' ? { merchantTxnId: 'O' } : { txnid: 'T' };
    const fields = { ...ids, refno: 'R', status: 'S', ...values };
    const proof = prove(fields, key);
    const settings = settingsOf(name, key);
    const wrong = { ...fields, ...prove({ ...fields, message: `${values.message}x` }, key) };
    expect(await word({ ...fields, ...proof }, settings), `${name} of ${values.message}`).to.equal('ok');
    expect(await word(wrong, settings), `${name} of ${values.message} and x`).to.equal('proof-mismatch');
    const keys =
      name === 'rsa'
        ? { rsa: { privateKey: merchantKey().privateKeyPem } }
        : { hmac: { key }, sha1: { secretKey: key } };
    const own = signCallback(fields, keys, { merchantId: 'ACME', encoding: name === 'ascii' ? 'ascii' : 'utf8' });
    expect(own, `${name} of ${values.message}, by signCallback`).to.include(proof);
  }
}

/** All characters that this version of Node knows a Unicode property of, without NUL and surrogates. */
function charactersOf(property: string): string[] {
  const pattern = new RegExp(`^\\p{${property}}$`, 'u');
  return Array.from({ length: 0x110000 - 1 }, (_, index) => index + 1)
    .filter((code) => code < 0xd800 || code > 0xdfff)
    .map((code) => String.fromCodePoint(code))
    .filter((character) => pattern.test(character));
}

const scripts = [
  'Latin', 'Tagalog', 'Hanunoo', 'Buhid', 'Tagbanwa', 'Cyrillic', 'Greek', 'Armenian', 'Georgian', 'Hebrew', 'Arabic',
  'Syriac', 'Devanagari', 'Bengali', 'Tamil', 'Telugu', 'Sinhala', 'Thai', 'Lao', 'Khmer', 'Myanmar', 'Tibetan',
  'Mongolian', 'Han', 'Hiragana', 'Katakana', 'Bopomofo', 'Hangul', 'Ethiopic', 'Cherokee', 'Javanese', 'Balinese',
  'Adlam', 'Egyptian_Hieroglyphs', 'Cuneiform', 'Braille', 'Common', 'Inherited',
]; // biome-ignore format: one list

describe('A proof over any script', function () {
  this.timeout(120_000);

  it('is that of openssl, for every character of Unicode', async () => {
    const all = charactersOf('Assigned');
    expect(all.length).to.be.above(140_000);
    for (let start = 0; start < all.length; start += 9_000) {
      await compare({ message: all.slice(start, start + 9_000).join(''), param1: 'a', param2: 'b' }, 'any key');
    }
  });

  for (const script of scripts) {
    it(`is that of openssl, for values and keys in ${script}`, async () => {
      const characters = charactersOf(`Script=${script}`).filter((character) => character !== ':');
      const text = fc.string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength: 60 });
      const arbitrary = fc.tuple(
        text,
        text,
        text,
        text.filter((key) => key.trim() !== ''),
      );
      for (const [message, param1, param2, key] of fc.sample(arbitrary, { numRuns: 1, seed: 1 })) {
        await compare({ message, param1, param2 }, key);
      }
    });
  }

  it('is that of openssl, for emoji, marks and directions that are joined', async () => {
    for (const message of [
      '👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🇵🇭 👍🏽',
      'Ni\u0303o Z\u0351\u036b\u0343\u036aA\u0334\u0335',
      '\u202e321\u202c \u2067x\u2069 \ufeff\u200b',
      'ᜊᜌ᜔ᜊᜌᜒᜈ᜔ ᜰᜎᜋᜆ᜔',
    ]) {
      await compare({ message, param1: message, param2: `${message} ${message}` }, message);
    }
  });
});
