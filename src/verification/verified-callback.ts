import type { PaymentData, PayoutData, UnsignedData } from '../callback.js';
import type { CallbackKind } from '../preprocessing/transaction-status.js';
import type { ProofAlgorithm } from './signed-text.js';

export type { ProofAlgorithm } from './signed-text.js';

/** The proof that held. */
export interface Proof {
  readonly algorithm: ProofAlgorithm;
  /**
   * Which key: for RSA the first 16 hex digits of the SHA-256 of its SubjectPublicKeyInfo, for secrets their place
   * in the settings (`secretKeys[0]`), since anything computed from a secret could be guessed at.
   */
  readonly keyId: string;
}

declare const verified: unique symbol;

/**
 * A callback whose proof held. Only the verification makes one, and a repository takes nothing else: to store what
 * was not verified does not compile.
 */
export interface VerifiedCallback {
  readonly [verified]: true;
  readonly kind: CallbackKind;
  /** The `txnid` or the `merchantTxnId`. */
  readonly id: string;
  readonly refno: string;
  /** One letter, not necessarily a status. */
  readonly status: string;
  readonly data: PaymentData | PayoutData;
  readonly unsigned: UnsignedData;
  readonly proof: Proof;
  /** Decimal string with two decimals, covered or not: only compared with the row, never stored in it. */
  readonly amount: string | undefined;
  /** Three upper-case letters: only compared with the row. */
  readonly currency: string | undefined;
  readonly method: 'GET' | 'POST';
  /** The form as received. Holds the proofs. */
  raw(): string;
}
