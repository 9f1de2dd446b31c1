import { verify } from 'node:crypto';
import { encodeText, type SignedText } from '../protocol/signed-text.js';
import type { ProofVerifier } from './proof-verifier.js';
import type { PublicKey, PublicKeySource } from './public-keys.js';

/** The base64 of the signature of a key of 8192 bits, the longest that is accepted. */
const longestSignature = 1368;

/** `signatures`: RSA-SHA256 with PKCS#1 v1.5 padding over the signed text, in base64. */
export function rsaSignatures(keys: PublicKeySource, signedText: SignedText): ProofVerifier {
  return {
    algorithm: 'rsa',
    field: 'signatures',
    signedText,
    verify(text, proof) {
      if (proof.length > longestSignature) return 'mismatch';
      const signature = Buffer.from(proof, 'base64');
      // What was read says the same when it is written again: sooner known than by the pattern.
      if (signature.toString('base64') !== proof && !/^[A-Za-z0-9+/]+={0,2}$/.test(proof)) return 'mismatch';
      const messages = signedText.encodings.map((encoding) => encodeText(text, encoding));
      return keys.firstThatVerifies((key) => messages.some((message) => holds(key, message, signature)));
    },
  };
}

function holds({ key, signatureBytes }: PublicKey, message: Buffer, signature: Buffer): boolean {
  return signature.length === signatureBytes && verify('RSA-SHA256', message, key, signature);
}
