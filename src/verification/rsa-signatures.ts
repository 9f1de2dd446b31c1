import { verify } from 'node:crypto';
import { encodeText, type SignedText } from '../protocol/signed-text.js';
import { mismatch, type ProofVerifier } from './proof-verifier.js';
import type { PublicKey, PublicKeySource } from './public-keys.js';

/** The bytes of the shortest signature, which is of a key of 2048 bits. A shorter proof must not cause a fetch of keys. */
const shortestSignature = 256;

/** The length in base64 of the longest signature, which is of a key of 8192 bits. */
const longestSignature = 1368;

/** Checks `signatures`: RSA-SHA256 with PKCS#1 v1.5 padding of the signed text, in base64. */
export function rsaSignatures(keys: PublicKeySource, signedText: SignedText): ProofVerifier {
  return {
    algorithm: 'rsa',
    field: 'signatures',
    signedText,
    verify(text, proof) {
      if (proof.length > longestSignature) return mismatch;
      const signature = Buffer.from(proof, 'base64');
      // Canonical base64 is the same after decoding and encoding. This check is cheaper than the regular expression.
      if (signature.toString('base64') !== proof && !/^[A-Za-z0-9+/]+={0,2}$/.test(proof)) return mismatch;
      if (signature.length < shortestSignature) return mismatch;
      const messages = signedText.encodings.map((encoding) => encodeText(text, encoding));
      return keys.firstThatVerifies((key) => messages.some((message) => holds(key, message, signature)));
    },
  };
}

function holds({ key, signatureBytes }: PublicKey, message: Buffer, signature: Buffer): boolean {
  return signature.length === signatureBytes && verify('RSA-SHA256', message, key, signature);
}
