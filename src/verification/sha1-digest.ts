import { hash, timingSafeEqual } from 'node:crypto';
import type { ProofVerifier } from './proof-verifier.js';
import { encodeText, type SignedText } from './signed-text.js';

/**
 * `digest`: SHA-1 over the signed text, a `:` and the secret key, as 40 hex digits. Either letter case is taken: it
 * is the same digest.
 */
export function sha1Digest(secretKeys: readonly string[], signedText: SignedText): ProofVerifier {
  return {
    algorithm: 'sha1',
    field: 'digest',
    signedText,
    verify(text, proof) {
      if (!/^[0-9a-f]{40}$/i.test(proof)) return 'mismatch';
      const given = Buffer.from(proof, 'hex');
      for (let index = 0; index < secretKeys.length; index++) {
        const textWithKey = `${text}:${secretKeys[index]}`;
        for (const encoding of signedText.encodings) {
          const expected = hash(
            'sha1',
            encoding === 'utf8' ? textWithKey : encodeText(textWithKey, encoding),
            'buffer',
          );
          if (timingSafeEqual(expected, given)) return { keyId: `secretKeys[${index}]` };
        }
      }
      return 'mismatch';
    },
  };
}
