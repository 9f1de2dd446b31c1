import { createHmac, timingSafeEqual } from 'node:crypto';
import { encodeText, readingsOf, type SignedText } from '../protocol/signed-text.js';
import { digestBytes } from './digest-bytes.js';
import { mismatch, type ProofVerifier } from './proof-verifier.js';
import { readProof } from './read-proof.js';

/**
 * Checks `signature`: HMAC of the signed text, in any notation that {@link readProof} reads.
 * @param keyEncoding how a key becomes bytes, if the reading does not say it
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
        if (given === undefined) continue;
        const signed = textOf(reading);
        if (signed === undefined) continue;
        const index = keys.findIndex((key) => {
          const bytes = Buffer.from(key, reading.keyEncoding ?? keyEncoding);
          return encodings.some((encoding) =>
            timingSafeEqual(createHmac(hash, bytes).update(encodeText(signed, encoding)).digest(), given),
          );
        });
        if (index >= 0) return { ok: true, keyId: `keys[${index}]`, ...(place > 0 && { reading: place }) };
      }
      return mismatch;
    },
  };
}
