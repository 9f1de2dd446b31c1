import { constants, verify } from 'node:crypto';
import { encodeText, readingsOf, type SignedText } from '../protocol/signed-text.js';
import { mismatch, type ProofChecked, type ProofVerifier } from './proof-verifier.js';
import type { PublicKey, PublicKeySource } from './public-keys.js';
import { readProofs } from './read-proof.js';

/** The lengths of the shortest and of the longest signature in bytes: those of keys with 2048 and 8192 bits. */
const [shortestSignature, longestSignature] = [256, 1024];

/** The length of the longest text of a signature: hex with every digit escaped. */
const longestText = 3 * 2 * longestSignature;

/** Checks `signatures`: RSA of the signed text, in any notation that {@link readProofs} reads. */
export function rsaSignatures(keys: PublicKeySource, signedText: SignedText): ProofVerifier {
  return {
    algorithm: 'rsa',
    field: 'signatures',
    signedText,
    verify(textOf, proof) {
      // Checked before a key is needed: junk must not cause a fetch.
      if (proof.length > longestText) return mismatch;
      const signatures = readProofs(proof).filter(
        ({ length }) => length >= shortestSignature && length <= longestSignature,
      );
      if (signatures.length === 0) return mismatch;
      const messages = readingsOf(signedText).flatMap((reading, index) => {
        const text = textOf(reading);
        if (text === undefined) return [];
        return reading.encodings.map((encoding) => ({ reading, index, bytes: encodeText(text, encoding) }));
      });
      if (messages.length === 0) return mismatch;
      let matched = 0;
      const found = keys.firstThatVerifies((key) => {
        const signature = signatures.find(({ length }) => length === key.signatureBytes);
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
