import { createHmac, timingSafeEqual } from 'node:crypto';
import { encodeText, type SignedText } from '../protocol/signed-text.js';
import { mismatch, type ProofVerifier } from './proof-verifier.js';

/** Checks `signature`: HMAC-SHA256 of the signed text, 64 hex digits of either letter case. */
export function hmacSignature(keys: readonly Buffer[], signedText: SignedText): ProofVerifier {
  return {
    algorithm: 'hmac',
    field: 'signature',
    signedText,
    verify(text, proof) {
      if (!/^[0-9a-f]{64}$/i.test(proof)) return mismatch;
      const given = Buffer.from(proof, 'hex');
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
