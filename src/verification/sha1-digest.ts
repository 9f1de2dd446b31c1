import { hash, timingSafeEqual } from 'node:crypto';
import { encodeText, type SignedText } from '../protocol/signed-text.js';
import type { ProofVerifier } from './proof-verifier.js';

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
      const given = proof.toLowerCase();
      for (let index = 0; index < secretKeys.length; index++) {
        const textWithKey = `${text}:${secretKeys[index]}`;
        for (const encoding of signedText.encodings) {
          // As text: a buffer for the digest costs twice the digest.
          const expected = hash('sha1', encoding === 'utf8' ? textWithKey : encodeText(textWithKey, encoding));
          if (isSameDigest(expected, given)) return { keyId: `secretKeys[${index}]` };
        }
      }
      return 'mismatch';
    },
  };
}

const [left, right] = [Buffer.alloc(40), Buffer.alloc(40)];

/** In constant time, of 40 hex digits each. */
function isSameDigest(expected: string, given: string): boolean {
  left.write(expected, 'latin1');
  right.write(given, 'latin1');
  return timingSafeEqual(left, right);
}
