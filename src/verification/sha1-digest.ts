import { hash, timingSafeEqual } from 'node:crypto';
import { encodeText, readingsOf, type SignedText, type TextEncoding } from '../protocol/signed-text.js';
import { digestBytes } from './digest-bytes.js';
import { mismatch, type ProofVerifier } from './proof-verifier.js';
import { readProof } from './read-proof.js';

/**
 * Checks `digest`: SHA-1 of the signed text, a separator and the secret key, in any notation that {@link readProof}
 * reads.
 */
export function sha1Digest(secretKeys: readonly string[], signedText: SignedText): ProofVerifier {
  return {
    algorithm: 'sha1',
    field: 'digest',
    signedText,
    verify(textOf, proof) {
      const readings = readingsOf(signedText);
      // Do not use closures or iterators here: with them, this function took twice as long.
      for (let place = 0; place < readings.length; place++) {
        const reading = readings[place] as SignedText;
        const algorithm = reading.hash ?? 'sha1';
        const length = digestBytes[algorithm];
        const given = isHex(proof, 2 * length) ? proof : readProof(proof, length)?.toString('hex');
        if (given === undefined) continue;
        const text = textOf(reading);
        if (text === undefined) continue;
        // The digest is compared as text: to make a buffer of it would cost twice as much as the digest itself.
        for (let index = 0; index < secretKeys.length; index++) {
          for (const encoding of reading.encodings) {
            const expected = hash(algorithm, withKey(text, secretKeys[index] as string, reading, encoding));
            if (!isSameDigest(expected, given)) continue;
            const keyId = `secretKeys[${index}]`;
            return place > 0 ? { ok: true, keyId, reading: place } : { ok: true, keyId };
          }
        }
      }
      return mismatch;
    },
  };
}

function isHex(text: string, length: number): boolean {
  if (text.length !== length) return false;
  for (let at = 0; at < length; at++) {
    const unit = text.charCodeAt(at);
    if (!((unit >= 0x30 && unit <= 0x39) || (unit >= 0x61 && unit <= 0x66))) return false;
  }
  return true;
}

/** The text with the secret key in its place. A string if possible, because strings are hashed faster than bytes. */
export function withKey(
  text: string,
  secretKey: string,
  reading: Pick<SignedText, 'separator' | 'key' | 'keySeparator' | 'keyEncoding'>,
  encoding: TextEncoding,
): string | Buffer {
  const { separator = ':', key = 'behind', keySeparator = separator, keyEncoding = 'utf8' } = reading;
  if (keyEncoding === 'utf8') {
    const whole = key === 'behind' ? text + keySeparator + secretKey : secretKey + keySeparator + text;
    return encoding === 'utf8' ? whole : encodeText(whole, encoding);
  }
  const bytes = Buffer.from(secretKey, keyEncoding);
  const between = encodeText(keySeparator, encoding);
  const signed = encodeText(text, encoding);
  return Buffer.concat(key === 'behind' ? [signed, between, bytes] : [bytes, between, signed]);
}

/**
 * Buffers for the comparison, by the length of the hex. They are reused: new ones would cost twice as much as the
 * digest.
 */
const buffers = new Map(Object.values(digestBytes).map((bytes) => [2 * bytes, newPair(2 * bytes)]));

function newPair(length: number): readonly [Buffer, Buffer] {
  return [Buffer.alloc(length), Buffer.alloc(length)];
}

/** Compares two texts of hex digits of the same length in constant time. */
function isSameDigest(expected: string, given: string): boolean {
  const [left, right] = buffers.get(expected.length) as readonly [Buffer, Buffer];
  // `write` costs three times as much for so few characters.
  for (let at = 0; at < expected.length; at++) {
    left[at] = expected.charCodeAt(at);
    right[at] = given.charCodeAt(at);
  }
  return timingSafeEqual(left, right);
}
