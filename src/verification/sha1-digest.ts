import { hash, timingSafeEqual } from 'node:crypto';
import { encodeText, type SignedText } from '../protocol/signed-text.js';
import { mismatch, type ProofVerifier } from './proof-verifier.js';
import { readProof } from './read-proof.js';

/**
 * Checks `digest`: SHA-1 of the signed text, a `:` and the secret key, in any notation that {@link readProof} reads.
 */
export function sha1Digest(secretKeys: readonly string[], signedText: SignedText): ProofVerifier {
  return {
    algorithm: 'sha1',
    field: 'digest',
    signedText,
    verify(text, proof) {
      const given = /^[0-9a-f]{40}$/.test(proof) ? proof : readProof(proof, 20)?.toString('hex');
      if (given === undefined) return mismatch;
      for (let index = 0; index < secretKeys.length; index++) {
        const textWithKey = `${text}:${secretKeys[index]}`;
        for (const encoding of signedText.encodings) {
          // The digest stays text: a buffer for it would cost twice the digest.
          const expected = hash('sha1', encoding === 'utf8' ? textWithKey : encodeText(textWithKey, encoding));
          if (isSameDigest(expected, given)) return { ok: true, keyId: `secretKeys[${index}]` };
        }
      }
      return mismatch;
    },
  };
}

const [left, right] = [Buffer.alloc(40), Buffer.alloc(40)];

/** Compares two texts of 40 hex digits in constant time. */
function isSameDigest(expected: string, given: string): boolean {
  left.write(expected, 'latin1');
  right.write(given, 'latin1');
  return timingSafeEqual(left, right);
}
