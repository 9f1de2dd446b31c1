import { createHmac, timingSafeEqual } from 'node:crypto';
import { encodeText, type SignedText } from '../protocol/signed-text.js';
import { mismatch, type ProofVerifier } from './proof-verifier.js';
import { readProof } from './read-proof.js';

/** Checks `signature`: HMAC-SHA256 of the signed text, in any notation that {@link readProof} reads. */
export function hmacSignature(keys: readonly Buffer[], signedText: SignedText): ProofVerifier {
  return {
    algorithm: 'hmac',
    field: 'signature',
    signedText,
    verify(text, proof) {
      const given = readProof(proof, 32);
      if (given === undefined) return mismatch;
      for (const encoding of signedText.encodings) {
        for (let index = 0; index < keys.length; index++) {
          const expected = createHmac('sha256', keys[index] as Buffer)
            .update(encodeText(text, encoding))
            .digest();
          if (timingSafeEqual(expected, given)) return { ok: true, keyId: `keys[${index}]` };
        }
      }
      return mismatch;
    },
  };
}
