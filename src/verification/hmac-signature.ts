import { createHmac, timingSafeEqual } from 'node:crypto';
import { encodeText, readingsOf, type SignedText } from '../protocol/signed-text.js';
import { digestBytes } from './digest-bytes.js';
import { mismatch, type ProofVerifier } from './proof-verifier.js';
import { readProof } from './read-proof.js';

/**
 * Checks `signature`: HMAC of the signed text, in any notation that {@link readProof} reads.
 * @param keyEncoding how a key becomes bytes, unless the reading says it
 */
export function hmacSignature(
  keys: readonly string[],
  signedText: SignedText,
  keyEncoding: 'utf8' | 'hex' = 'utf8',
): ProofVerifier {
  return {
    algorithm: 'hmac',
    field: 'signature',
    signedText,
    verify(textOf, proof) {
      for (const [place, reading] of readingsOf(signedText).entries()) {
        const { hash = 'sha256', encodings } = reading;
        const given = readProof(proof, digestBytes[hash]);
        const signed = given && textOf(reading);
        if (signed === undefined) continue;
        for (const encoding of encodings) {
          for (let index = 0; index < keys.length; index++) {
            const key = Buffer.from(keys[index] as string, reading.keyEncoding ?? keyEncoding);
            const expected = createHmac(hash, key).update(encodeText(signed, encoding)).digest();
            if (timingSafeEqual(expected, given as Buffer)) {
              return { ok: true, keyId: `keys[${index}]`, ...(place > 0 && { reading: place }) };
            }
          }
        }
      }
      return mismatch;
    },
  };
}
