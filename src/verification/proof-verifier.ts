import type { ProofAlgorithm, ProofField } from '../protocol/fields.js';
import type { SignedText } from '../protocol/signed-text.js';

/** The result of checking one proof. `keys-unavailable`: it cannot be decided with the public keys that are known. */
export type ProofChecked =
  | { readonly ok: true; readonly keyId: string; readonly reading?: number }
  | { readonly ok: false; readonly reason: 'mismatch' }
  | KeysUnavailable;

/** The known public keys are too old, or missing. `problem` says why, in a sentence for the log. */
export interface KeysUnavailable {
  readonly ok: false;
  readonly reason: 'keys-unavailable';
  readonly problem?: string | undefined;
}

/** No key matches the proof. */
export const mismatch = { ok: false, reason: 'mismatch' } as const satisfies ProofChecked;

/** Checks one of the three proofs. */
export interface ProofVerifier {
  readonly algorithm: ProofAlgorithm;
  /** The field that holds the proof. */
  readonly field: ProofField;
  readonly signedText: SignedText;
  /**
   * Checks a proof. `textOf` gives the text of each reading, without a secret; `undefined` if the reading cannot be
   * used. Never throws, never rejects, and compares in constant time.
   */
  verify(textOf: (reading: SignedText) => string | undefined, proof: string): ProofChecked | Promise<ProofChecked>;
}
