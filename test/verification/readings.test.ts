import { constants, createHash, createHmac, sign } from 'node:crypto';
import { expect } from 'chai';
import type { SignedText, TextEncoding } from '../../src/protocol/signed-text.js';
import { hmacSignature } from '../../src/verification/hmac-signature.js';
import type { ProofVerifier } from '../../src/verification/proof-verifier.js';
import { givenKeys, type PublicKeySource, readPublicKey } from '../../src/verification/public-keys.js';
import { rsaSignatures } from '../../src/verification/rsa-signatures.js';
import { isWrittenIn } from '../../src/verification/secret-encoding.js';
import { sha1Digest } from '../../src/verification/sha1-digest.js';
import { numberAsKey } from '../support/openssl.js';
import { merchantKey } from '../support/proofs.js';

const text = 'T-1:R1:S:Niño €';
/** The text in each encoding, by hand. */
const bytesIn: Readonly<Record<TextEncoding, Buffer>> = {
  utf8: Buffer.from(text),
  ascii: Buffer.from('T-1:R1:S:Ni?o ?'),
  latin1: Buffer.from('T-1:R1:S:Ni\xf1o ?', 'latin1'),
  'windows-1252': Buffer.from('T-1:R1:S:Ni\xf1o \x80', 'latin1'),
  utf16le: Buffer.from(text, 'utf16le'),
  utf16be: Buffer.from(text, 'utf16le').swap16(),
};
const encodings = Object.keys(bytesIn) as TextEncoding[];
const hashes = ['sha1', 'sha224', 'sha256', 'sha384', 'sha512'] as const;
const [secret, hexSecret, base64Secret] = ['ключ', 'c0ffee', 'yv66vg=='];

const reading = (parts: Partial<SignedText> = {}): SignedText => ({
  fields: ['txnid'],
  encodings: ['utf8'],
  keySeparator: ':',
  ...parts,
});
const digestOf = (bytes: Buffer, hash = 'sha1') => createHash(hash).update(bytes).digest('hex');
const macOf = (bytes: Buffer, hash = 'sha256', key: string | Buffer = secret) =>
  createHmac(hash, key).update(bytes).digest('hex');
const signatureOf = (bytes: Buffer, hash = 'sha256', padding = constants.RSA_PKCS1_PADDING) =>
  sign(hash, bytes, { key: merchantKey().privateKeyPem, padding }).toString('base64');

/** The verifier of each proof, which has the right key as its second one, and a proof over the bytes. */
const proofs: Readonly<
  Record<
    string,
    { verifier(signed: SignedText): ProofVerifier; prove(bytes: Buffer, hash?: string): string; id: () => string }
  >
> = {
  rsa: { verifier: (signed) => rsaSignatures(keys(), signed), prove: signatureOf, id: () => merchantKey().keyId },
  hmac: { verifier: (signed) => hmacSignature(['other', secret], signed), prove: macOf, id: () => 'keys[1]' },
  sha1: {
    verifier: (signed) => sha1Digest(['other', secret], signed),
    prove: (bytes, hash) => digestOf(Buffer.concat([bytes, Buffer.from(`:${secret}`)]), hash),
    id: () => 'secretKeys[1]',
  },
};

/** The right key comes after two others. One of these has longer signatures. */
function keys(): PublicKeySource {
  return givenKeys([numberAsKey(3072), numberAsKey(2048), merchantKey().publicKeyPem].map(readPublicKey));
}

for (const [algorithm, { verifier, prove, id }] of Object.entries(proofs)) {
  describe(`The ${algorithm} proof`, () => {
    const first = algorithm === 'sha1' ? 'sha1' : 'sha256';
    const mismatch = { ok: false, reason: 'mismatch' };

    it('may be of any reading, and the verdict says of which one after the first', async () => {
      const readings = verifier(reading({ also: [{ hash: 'sha384' }, { hash: 'sha512', separator: '|' }] }));
      const textOf = ({ separator = ':' }: SignedText) => ['T', 'R', 'S'].join(separator);
      const verdict = (given: string) => readings.verify(textOf, given);
      const ok = { ok: true, keyId: id() };
      expect(await verdict(prove(Buffer.from('T:R:S'), first))).to.deep.equal(ok);
      expect(await verdict(prove(Buffer.from('T:R:S'), 'sha384'))).to.deep.equal({ ...ok, reading: 1 });
      expect(await verdict(prove(Buffer.from('T|R|S'), 'sha512'))).to.deep.equal({ ...ok, reading: 2 });
      expect(await verdict(prove(Buffer.from('T|R|S'), first))).to.deep.equal(mismatch);
      expect(await verdict(prove(Buffer.from('T:R:S'), 'sha512'))).to.deep.equal(mismatch);
    });

    it('is not of a reading that cannot be used', async () => {
      const readings = verifier(reading({ also: [{ separator: '|' }] }));
      const given = prove(Buffer.from('T|R'), first);
      const verdict = (...usable: string[]) =>
        readings.verify(({ separator = ':' }) => (usable.includes(separator) ? `T${separator}R` : undefined), given);
      expect(await verdict('|')).to.deep.equal({ ok: true, keyId: id(), reading: 1 });
      expect(await verdict(':')).to.deep.equal(mismatch);
      expect(await verdict()).to.deep.equal(mismatch);
      for (const nothing of ['undefined', 'null', '']) {
        expect(await readings.verify(() => undefined, prove(Buffer.from(nothing), first))).to.deep.equal(mismatch);
      }
    });

    it('is over the bytes of any encoding of the reading, with any hash', async () => {
      for (const hash of hashes) {
        for (const encoding of encodings) {
          const given = prove(bytesIn[encoding], hash);
          const verdict = (...tried: TextEncoding[]) =>
            verifier(reading({ hash, encodings: tried })).verify(() => text, given);
          // The key of a digest is a part of its text.
          if (algorithm !== 'sha1') expect(await verdict(encoding), encoding).to.deep.equal({ ok: true, keyId: id() });
          const rest = encodings.filter((one) => one !== encoding);
          expect(await verdict(...rest), `not ${encoding}`).to.deep.equal(mismatch);
        }
        const all = verifier(reading({ hash, encodings: ['utf16le', 'ascii', 'utf8'] }));
        expect(await all.verify(() => text, prove(bytesIn.utf8, hash))).to.deep.equal({ ok: true, keyId: id() });
      }
    });
  });
}

describe('The key of a digest', () => {
  it('stands where the reading says, and has the encoding of the text, or its own bytes', async () => {
    const secrets = { utf8: secret, hex: hexSecret, base64: base64Secret } as const;
    const encode = (value: string, encoding: TextEncoding) =>
      ({
        utf8: () => Buffer.from(value),
        ascii: () => Buffer.from(value.replace(/[^ -~]/g, '?')),
        latin1: () => Buffer.from(value.replace(/[^ -~ñ]/g, '?'), 'latin1'),
        'windows-1252': () => Buffer.from(value.replace(/[^ -~ñ€]/g, '?').replace('€', '\x80'), 'latin1'),
        utf16le: () => Buffer.from(value, 'utf16le'),
        utf16be: () => Buffer.from(value, 'utf16le').swap16(),
      })[encoding]();
    for (const encoding of encodings) {
      for (const keyEncoding of [undefined, 'utf8', 'hex', 'base64'] as const) {
        for (const keySeparator of [undefined, '', '&key=']) {
          const key = secrets[keyEncoding ?? 'utf8'];
          const keyBytes = key === secret ? encode(key, encoding) : Buffer.from(key, keyEncoding);
          const between = encode(keySeparator ?? '|', encoding);
          const whole = {
            behind: [bytesIn[encoding], between, keyBytes],
            'in-front': [keyBytes, between, bytesIn[encoding]],
          };
          for (const place of ['behind', 'in-front'] as const) {
            const parts = {
              ...{ fields: [], separator: '|', key: place, encodings: [encoding] },
              ...(keyEncoding && { keyEncoding }),
              ...(keySeparator !== undefined && { keySeparator }),
            };
            const digest = sha1Digest([key], parts);
            const verdict = await digest.verify(() => text, digestOf(Buffer.concat(whole[place])));
            expect(verdict, JSON.stringify(parts)).to.deep.equal({
              ok: true,
              keyId: 'secretKeys[0]',
            });
          }
        }
      }
    }
  });
});

describe('A digest', () => {
  it('holds in base64, however much of it is escaped', async () => {
    const digest = sha1Digest([secret], reading());
    const base64 = Buffer.from(digestOf(Buffer.from(`${text}:${secret}`)), 'hex').toString('base64');
    for (let escaped = 0; escaped <= base64.length; escaped++) {
      const start = [...base64.slice(0, escaped)].map((one) => `%${Buffer.from(one).toString('hex')}`);
      const given = start.join('') + encodeURIComponent(base64.slice(escaped));
      expect(await digest.verify(() => text, given), given).to.deep.equal({ ok: true, keyId: 'secretKeys[0]' });
    }
  });
});

describe('The key of a signature', () => {
  it('has the encoding of the reading, or else that of the setting', async () => {
    const bytes = Buffer.from(hexSecret, 'hex');
    const verdict = async (given: string, encoding: 'utf8' | 'hex', parts: Partial<SignedText>) => {
      const key = parts.keyEncoding === 'base64' ? base64Secret : hexSecret;
      return (await hmacSignature([key], reading(parts), encoding).verify(() => text, given)).ok;
    };
    const [byBytes, byText] = [macOf(bytesIn.utf8, 'sha256', bytes), macOf(bytesIn.utf8, 'sha256', hexSecret)];
    expect(await verdict(byBytes, 'hex', {})).to.equal(true);
    expect(await verdict(byText, 'hex', {})).to.equal(false);
    expect(await verdict(byText, 'hex', { keyEncoding: 'utf8' })).to.equal(true);
    expect(await verdict(byBytes, 'utf8', { keyEncoding: 'hex' })).to.equal(true);
    const byBase64 = macOf(bytesIn.utf8, 'sha256', Buffer.from(base64Secret, 'base64'));
    expect(await verdict(byBase64, 'hex', { keyEncoding: 'base64' })).to.equal(true);
  });
});

describe('Signatures', () => {
  it('have the padding of the reading', async () => {
    for (const hash of hashes) {
      const pss = signatureOf(bytesIn.utf8, hash, constants.RSA_PKCS1_PSS_PADDING);
      const verdict = async (given: string, parts: Partial<SignedText>) =>
        (await rsaSignatures(keys(), reading({ hash, ...parts })).verify(() => text, given)).ok;
      expect(await verdict(pss, { padding: 'pss' })).to.equal(true);
      expect(await verdict(pss, {})).to.equal(false);
      expect(await verdict(pss, { padding: 'pkcs1' })).to.equal(false);
      expect(await verdict(signatureOf(bytesIn.utf8, hash), { padding: 'pss' })).to.equal(false);
    }
  });

  it('ask for a key only if they have 256 to 1024 bytes and a text to cover', async () => {
    let asked = 0;
    const source: PublicKeySource = {
      ...givenKeys([]),
      firstThatVerifies: () => {
        asked++;
        return { ok: true, keyId: 'a key' };
      },
    };
    const asksFor = async (given: string, textOf: () => string | undefined = () => text) => {
      asked = 0;
      const verdict = await rsaSignatures(source, reading()).verify(textOf, given);
      expect(verdict.ok, `${given.length} characters`).to.equal(asked > 0);
      return asked > 0;
    };
    const hex = (bytes: number) => 'f0'.repeat(bytes);
    for (const [bytes, isAsked] of [
      [255, false],
      [256, true],
      [1024, true],
      [1025, false],
    ] as const) {
      expect(await asksFor(Buffer.alloc(bytes, 'f0', 'hex').toString('base64')), `${bytes} bytes`).to.equal(isAsked);
    }
    const escaped = hex(1024).replaceAll('f', '%66').replaceAll('0', '%30');
    expect(escaped).to.have.length(6144);
    expect(await asksFor(escaped)).to.equal(true);
    expect(await asksFor(`${hex(1024)}${'\n'.repeat(4096)}`)).to.equal(true);
    expect(await asksFor(`${hex(1024)}${'\n'.repeat(4097)}`)).to.equal(false);
    expect(await asksFor('')).to.equal(false);
    expect(await asksFor(hex(256), () => undefined)).to.equal(false);
  });
});

describe('A secret key', () => {
  it('is written in UTF-8, or in whole bytes of hex or base64', () => {
    const written = (key: string) =>
      (['utf8', 'hex', 'base64'] as const).filter((encoding) => isWrittenIn(encoding, key));
    expect(written('c0FFee')).to.deep.equal(['utf8', 'hex', 'base64']);
    for (const base64 of ['c0ffe', 'yv66vg==', 'yv66vg', 'a-_b', 'a+/=']) {
      expect(written(base64), base64).to.deep.equal(['utf8', 'base64']);
    }
    for (const text of ['', 'a', 'a key', 'ключ', '!c0ffee', 'c0ffee!', 'ab===', '=', 'a=b']) {
      expect(written(text), text).to.deep.equal(['utf8']);
    }
  });
});
