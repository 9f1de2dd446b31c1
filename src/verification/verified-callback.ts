import type { PaymentData, PayoutData, UnsignedData } from '../callback.js';
import type { CallbackKind } from '../preprocessing/transaction-status.js';
import type { ProofAlgorithm } from './signed-text.js';

export type { ProofAlgorithm } from './signed-text.js';

/**
 * Where news of a payment came from: a callback, the gateway's answer to an inquiry, an event of the inbox that is put
 * through again, or the merchant's own hand.
 */
export type Origin = 'callback' | 'inquiry' | 'replay' | 'correction';

/**
 * What vouches for an event: one of the three proofs, the gateway that answered over an authenticated call, or the
 * merchant's own hand.
 */
export type ProofKind = ProofAlgorithm | 'inquiry' | 'manual';

/** What vouches for a callback. */
export interface Proof {
  readonly algorithm: ProofKind;
  /**
   * Which key: for RSA the first 16 hex digits of the SHA-256 of its SubjectPublicKeyInfo, for secrets their place
   * in the settings (`secretKeys[0]`), since anything computed from a secret could be guessed at. For an inquiry
   * `apiKey`, for a correction by hand who made it.
   */
  readonly keyId: string;
}

/** What an inquiry is answered with beside the fields that callbacks have. */
export interface InquiryDetails {
  /** When the payment was made. The gateway writes Manila's time. */
  readonly refDate: Date | undefined;
  /** When the money is, or was, settled. */
  readonly settleDate: Date | undefined;
  /** Dragonpay's fee, as a decimal string. */
  readonly fee: string | undefined;
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
  readonly origin: Origin;
  /** How it came; `undefined` for what did not come by a request. */
  readonly method: 'GET' | 'POST' | undefined;
  /** What the gateway's answer to an inquiry said beside the fields of a callback. */
  readonly inquiry?: InquiryDetails;
  /** Tells a correction from the status reached in the usual way: its jobs are others. */
  readonly occasion?: string;
  /** The form as received. Holds the proofs. */
  raw(): string;
}
