import { verify } from 'node:crypto';
import { encodeText, type SignedText } from '../protocol/signed-text.js';
import { mismatch, type ProofVerifier } from './proof-verifier.js';
import type { PublicKeySource } from './public-keys.js';
import { readProof } from './read-proof.js';

/** The length in base64 of the shortest signature, which is of a key of 2048 bits, without padding. */
const shortestSignature = 342;

/** The length in hex of the longest signature, which is of a key of 8192 bits, with every digit escaped. */
const longestSignature = 3 * 2 * 1024;

/** Checks `signatures`: RSA-SHA256 with PKCS#1 v1.5 padding of the signed text, in any notation of {@link readProof}. */
export function rsaSignatures(keys: PublicKeySource, signedText: SignedText): ProofVerifier {
  return {
    algorithm: 'rsa',
    field: 'signatures',
    signedText,
    verify(text, proof) {
      // Decided before a key is asked for: junk must not cause a fetch.
      if (proof.length < shortestSignature || proof.length > longestSignature || !/^[\w+/=%\s-]+$/.test(proof))
        return mismatch;
      const messages = signedText.encodings.map((encoding) => encodeText(text, encoding));
      return keys.firstThatVerifies((key) => {
        const signature = readProof(proof, key.signatureBytes);
        return signature !== undefined && messages.some((message) => verify('RSA-SHA256', message, key.key, signature));
      });
    },
  };
}
