import type { CallbackKind } from '../protocol/kinds.js';
import type { PaymentStatus, PayoutStatus } from '../protocol/statuses.js';
import type { RecordedOutcome } from './callback-update.js';
import type { ProofKind } from './origin.js';

/** A payment as it is stored. */
export interface PaymentRow {
  readonly txnid: string;
  /** Dragonpay's reference number, once a callback (or the import) brought it. */
  readonly refno: string | null;
  readonly status: PaymentStatus;
  /** The statuses that callbacks have brought, oldest first. None of them is entered again. */
  readonly reached: readonly PaymentStatus[];
  /** Decimal string with two decimals, such as `100.00`. */
  readonly amount: string;
  /** Three upper-case letters. */
  readonly currency: string;
  readonly description: string | null;
  readonly email: string | null;
  readonly param1: string | null;
  readonly param2: string | null;
  readonly procid: string | null;
  readonly createdAt: Date;
  readonly modifiedAt: Date;
}

/** What a new payment is made of. */
export interface PaymentDetails {
  /** 1 to 40 printable ASCII characters without `:`; see `generateTxnId`. */
  readonly txnid: string;
  /** Decimal string with at most two decimals, at most 9999999999.99. Never a number: floats lose cents. */
  readonly amount: string;
  /** Three upper-case letters; `PHP` when not given. */
  readonly currency?: string;
  readonly description?: string | null;
  readonly email?: string | null;
  readonly param1?: string | null;
  readonly param2?: string | null;
  readonly procid?: string | null;
  /** For an import: the status that the payment has already. It counts as reached. */
  readonly status?: PaymentStatus;
  /** For an import: Dragonpay's reference number. */
  readonly refno?: string | null;
}

/** A payout as it is stored. */
export interface PayoutRow {
  readonly merchantTxnId: string;
  readonly refno: string | null;
  readonly status: PayoutStatus;
  readonly reached: readonly PayoutStatus[];
  /** Decimal string with two decimals. */
  readonly amount: string;
  readonly currency: string;
  readonly description: string | null;
  /** The id of a payee registered with Dragonpay. */
  readonly userId: string | null;
  /** The name of a payee who is not registered. */
  readonly userName: string | null;
  readonly email: string | null;
  readonly mobile: string | null;
  /** The channel that the money goes out through. */
  readonly procid: string | null;
  /** The account, card or mobile number that the channel pays to. */
  readonly procDetail: string | null;
  readonly createdAt: Date;
  readonly modifiedAt: Date;
}

/** What a new payout is made of. */
export interface PayoutDetails {
  /** 1 to 40 printable ASCII characters without `:`. */
  readonly merchantTxnId: string;
  /** Decimal string with at most two decimals. */
  readonly amount: string;
  /** Three upper-case letters; `PHP` when not given. */
  readonly currency?: string;
  readonly description?: string | null;
  readonly userId?: string | null;
  readonly userName?: string | null;
  readonly email?: string | null;
  readonly mobile?: string | null;
  readonly procid?: string | null;
  readonly procDetail?: string | null;
  /** For an import: the status that the payout has already. */
  readonly status?: PayoutStatus;
  /**
   * The reference number that Dragonpay answered the payout request with. Store it: it is what keeps the callback of
   * a payment from passing for one of this payout.
   */
  readonly refno?: string | null;
}

/** Why an event of the inbox wants a second look. Reasons stay, also when the event is applied later. */
export type ReviewReason =
  | 'amount'
  | 'currency'
  | 'refno'
  | 'late'
  | 'stale'
  | 'not-found'
  | 'unrecognized'
  | 'corrected';

/** What became of an event; `failed`: it was rolled back, because its `@OnStatus` method failed. */
export type KeptOutcome = RecordedOutcome | 'failed';

/** One distinct verified event of the inbox: an id, a refno and a status, however often it was delivered. */
export interface InboxEvent {
  readonly kind: CallbackKind;
  /** The `txnid` or the `merchantTxnId`. */
  readonly id: string;
  readonly refno: string;
  /** The letter as received. */
  readonly status: string;
  readonly firstSeen: Date;
  readonly lastSeen: Date;
  /** How often it was delivered. */
  readonly deliveries: number;
  /** What became of it. `applied` stays `applied`, whatever a later delivery comes to. */
  readonly outcome: KeptOutcome;
  readonly reasons: readonly ReviewReason[];
  readonly proof: ProofKind;
  readonly keyId: string;
  /** How it came; `null` for what did not come by a request. */
  readonly method: 'GET' | 'POST' | null;
  /** The form as received, the proofs replaced by `redacted`. An inquiry's answer is written as the same form. */
  readonly raw: string;
  /** What `replay()` names it by. One of a correction ends with its number, and is not to be replayed. */
  readonly key: string;
  /** Where it stands in the inbox: `callbacks({ after: cursor })` goes on behind it. */
  readonly cursor: string;
}

/** What names an event of the inbox. */
export interface EventKey {
  readonly kind: CallbackKind;
  readonly id: string;
  readonly refno: string;
  readonly status: string;
}

/** An event as the inbox holds it, with its proofs: for `replay()` and nobody else. */
export type KeptEvent = Pick<InboxEvent, 'kind' | 'proof' | 'keyId' | 'method'> & { readonly raw: string };
