import type { CallbackKind } from '../protocol/kinds.js';
import type { PaymentStatus, PayoutStatus } from '../protocol/statuses.js';
import type { RecordedOutcome } from './callback-update.js';
import type { ProofKind } from './origin.js';
import type { paymentTexts, payoutTexts, TextsOf } from './row-texts.js';

/** A stored payment. */
export interface PaymentRow extends TextsOf<typeof paymentTexts> {
  readonly txnid: string;
  /** Dragonpay's reference number. `null` until a callback or an import brings it. */
  readonly refno: string | null;
  readonly status: PaymentStatus;
  /** The statuses that callbacks have brought, oldest first. The row never enters one of them again. */
  readonly reached: readonly PaymentStatus[];
  /** Decimal string with two decimals, such as `100.00`. */
  readonly amount: string;
  /** Three upper-case letters. */
  readonly currency: string;
  readonly createdAt: Date;
  readonly modifiedAt: Date;
}

/** The details of a new payment. */
export interface PaymentDetails extends Partial<TextsOf<typeof paymentTexts>> {
  /** 1 to 40 printable ASCII characters without `:`; see `generateTxnId`. */
  readonly txnid: string;
  /** Decimal string with at most two decimals, at most 9999999999.99. Never a number: floats lose cents. */
  readonly amount: string;
  /** Three upper-case letters. Default: `PHP`. */
  readonly currency?: string;
  /** For an import: the current status of the payment. It counts as reached. */
  readonly status?: PaymentStatus;
  /** For an import: Dragonpay's reference number. */
  readonly refno?: string | null;
}

/** A stored payout. */
export interface PayoutRow extends TextsOf<typeof payoutTexts> {
  readonly merchantTxnId: string;
  readonly refno: string | null;
  readonly status: PayoutStatus;
  readonly reached: readonly PayoutStatus[];
  /** Decimal string with two decimals. */
  readonly amount: string;
  readonly currency: string;
  readonly createdAt: Date;
  readonly modifiedAt: Date;
}

/** The details of a new payout. */
export interface PayoutDetails extends Partial<TextsOf<typeof payoutTexts>> {
  /** 1 to 40 printable ASCII characters without `:`. */
  readonly merchantTxnId: string;
  /** Decimal string with at most two decimals. */
  readonly amount: string;
  /** Three upper-case letters. Default: `PHP`. */
  readonly currency?: string;
  /** For an import: the current status of the payout. It counts as reached. */
  readonly status?: PayoutStatus;
  /**
   * The reference number in Dragonpay's answer to the payout request. Store it: only the refno tells a callback of
   * this payout from a renamed callback of a payment with the same id.
   */
  readonly refno?: string | null;
}

/** Why somebody should review an event of the inbox. Reasons stay, even if the event is applied later. */
export type ReviewReason =
  | 'amount'
  | 'currency'
  | 'refno'
  | 'late'
  | 'stale'
  | 'not-found'
  | 'unrecognized'
  | 'corrected';

/** The outcome of an event. `failed`: it was rolled back because its `@OnStatus` method failed. */
export type KeptOutcome = RecordedOutcome | 'failed';

/**
 * A verified event of the inbox. Deliveries with the same kind, id, refno and status are one event, unless they differ
 * in a value that both proofs cover.
 */
export interface InboxEvent {
  readonly kind: CallbackKind;
  /** The `txnid` or the `merchantTxnId`. */
  readonly id: string;
  readonly refno: string;
  /** The letter as received. */
  readonly status: string;
  readonly firstSeen: Date;
  readonly lastSeen: Date;
  /** The number of deliveries. */
  readonly deliveries: number;
  /**
   * The outcome of the last delivery. `applied` is never replaced. An event that is still to be applied keeps its
   * outcome if the new delivery contradicts the row.
   */
  readonly outcome: KeptOutcome;
  readonly reasons: readonly ReviewReason[];
  readonly proof: ProofKind;
  readonly keyId: string;
  /** The HTTP method. `null` for an event that did not come with a request. */
  readonly method: 'GET' | 'POST' | null;
  /**
   * The form as received, with `redacted` in place of each proof. The answer to an inquiry is stored as such a form,
   * too.
   */
  readonly raw: string;
  /** Pass it to `replay()`. Keys of corrections end in a number and cannot be replayed. */
  readonly key: string;
  /** The position in the inbox. `callbacks({ after: cursor })` continues after it. */
  readonly cursor: string;
}

/** Identifies an event of the inbox. */
export interface EventKey {
  readonly kind: CallbackKind;
  readonly id: string;
  readonly refno: string;
  readonly status: string;
  /**
   * Events with the same id, refno and status have different fingerprints if they differ in a value that their proofs
   * cover. `undefined` means the oldest of them.
   */
  readonly fingerprint?: string | undefined;
}

/** An event with its proofs, as the inbox stores it. Only `replay()` may read it. */
export type KeptEvent = Pick<InboxEvent, 'kind' | 'proof' | 'keyId' | 'method'> & {
  readonly raw: string;
  /** The fingerprint of the event. A replay keeps it, so that it counts as a delivery of the same event. */
  readonly fingerprint?: string | undefined;
  /**
   * The forms of deliveries that did not fit, while the event is not applied: one for each amount and currency. A
   * repository that keeps none of them has only `raw` to replay.
   */
  readonly forms?: string | null | undefined;
};
