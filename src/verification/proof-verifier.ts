import type { ProofAlgorithm, ProofField } from '../protocol/fields.js';
import type { SignedText } from '../protocol/signed-text.js';

/** The result of checking one proof. `keys-unavailable`: there are no public keys to check it with. */
export type ProofChecked =
  | { readonly ok: true; readonly keyId: string }
  | { readonly ok: false; readonly reason: 'mismatch' | 'keys-unavailable' };

/** No key matches the proof. */
export const mismatch = { ok: false, reason: 'mismatch' } as const satisfies ProofChecked;

/** The proof cannot be checked now. */
export const keysUnavailable = { ok: false, reason: 'keys-unavailable' } as const satisfies ProofChecked;

/** Checks one of the three proofs. */
export interface ProofVerifier {
  readonly algorithm: ProofAlgorithm;
  /** The field that holds the proof. */
  readonly field: ProofField;
  readonly signedText: SignedText;
  /**
   * Checks a proof of `text`, the signed text without a secret. Never throws, never rejects, and compares in constant
   * time.
   */
  verify(text: string, proof: string): ProofChecked | Promise<ProofChecked>;
}
