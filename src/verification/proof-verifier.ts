import type { ProofAlgorithm, SignedText } from '../protocol/signed-text.js';

/** What came of checking one proof: the key that matched, that none did, or that there are no keys to check with. */
export type ProofChecked = { readonly keyId: string } | 'mismatch' | 'unavailable';

/** Checks one of the three proofs. */
export interface ProofVerifier {
  readonly algorithm: ProofAlgorithm;
  /** The field that holds the proof. */
  readonly field: 'digest' | 'signature' | 'signatures';
  readonly signedText: SignedText;
  /** Never throws, never rejects, and compares in constant time. `text` is the signed text without any secret. */
  verify(text: string, proof: string): ProofChecked | Promise<ProofChecked>;
}
