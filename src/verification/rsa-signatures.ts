import { constants, verify } from 'node:crypto';
import { encodeText, readingsOf, type SignedText } from '../protocol/signed-text.js';
import { mismatch, type ProofChecked, type ProofVerifier } from './proof-verifier.js';
import type { PublicKey, PublicKeySource } from './public-keys.js';
import { readProof } from './read-proof.js';

/** The length in base64 of the shortest signature, which is of a key of 2048 bits, without padding. */
const shortestSignature = 342;

/** The length in hex of the longest signature, which is of a key of 8192 bits, with every digit escaped. */
const longestSignature = 3 * 2 * 1024;

/** Checks `signatures`: RSA of the signed text, in any notation that {@link readProof} reads. */
export function rsaSignatures(keys: PublicKeySource, signedText: SignedText): ProofVerifier {
  return {
    algorithm: 'rsa',
    field: 'signatures',
    signedText,
    verify(textOf, proof) {
      // Decided before a key is asked for: junk must not cause a fetch.
      if (proof.length < shortestSignature || proof.length > longestSignature || !/^[\w+/=%\s-]+$/.test(proof)) {
        return mismatch;
      }
      const messages = readingsOf(signedText).flatMap((reading, index) => {
        const text = textOf(reading);
        if (text === undefined) return [];
        return reading.encodings.map((encoding) => ({ reading, index, bytes: encodeText(text, encoding) }));
      });
      let matched = 0;
      const found = keys.firstThatVerifies((key) => {
        const signature = readProof(proof, key.signatureBytes);
        if (signature === undefined) return false;
        const message = messages.find(({ reading, bytes }) => holds(key, reading, bytes, signature));
        matched = message?.index ?? 0;
        return message !== undefined;
      });
      const withReading = (checked: ProofChecked): ProofChecked =>
        checked.ok && matched > 0 ? { ...checked, reading: matched } : checked;
      return found instanceof Promise ? found.then(withReading) : withReading(found);
    },
  };
}

function holds(
  { key }: PublicKey,
  { hash = 'sha256', padding }: SignedText,
  bytes: Buffer,
  signature: Buffer,
): boolean {
  if (padding !== 'pss') return verify(hash, bytes, key, signature);
  const { RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_AUTO } = constants;
  return verify(hash, bytes, { key, padding: RSA_PKCS1_PSS_PADDING, saltLength: RSA_PSS_SALTLEN_AUTO }, signature);
}
