import type { CallbackKind } from '../protocol/kinds.js';
import type { PaymentStatus, PayoutStatus, Status } from '../protocol/statuses.js';
import type { PaymentData, PayoutData, UnsignedData } from './callback-data.js';
import type { CallbackRequest } from './callback-request.js';
import type { AppliedUpdate, CallbackUpdate, SkippedUpdate } from './callback-update.js';
import type { Issue } from './issue.js';
import type { InquiryDetails, Origin, Proof } from './origin.js';
import type { PaymentRow, PayoutRow } from './rows.js';

/** The properties of valid callbacks of both kinds. */
interface ValidCallbackBase {
  readonly valid: true;
  readonly origin: 'callback';
  readonly method: 'GET' | 'POST';
  readonly unsigned: UnsignedData;
  /** The verified proof: its algorithm, and which of the configured keys it matched. */
  readonly proof: Proof;
  /** The outcome for the row. */
  readonly update: CallbackUpdate;
  /** Aborts when the deadline of the handler method passes. */
  readonly signal: AbortSignal;
  /** The request that brought it. */
  readonly request: CallbackRequest;
}

/**
 * A status letter that is not in Dragonpay's tables. The inbox records it as received. It never becomes the status of a
 * row.
 */
export type UnrecognizedStatus = string & Record<never, never>;

/** A verified callback about an incoming payment. */
export interface PaymentCallback extends ValidCallbackBase {
  readonly kind: 'payment';
  readonly status: PaymentStatus | UnrecognizedStatus;
  readonly data: PaymentData;
  /** The current row; `undefined` without a row or a repository. Rejects if the database fails. */
  stored(): Promise<PaymentRow | undefined>;
}

/** A verified callback about an outgoing payout. */
export interface PayoutCallback extends ValidCallbackBase {
  readonly kind: 'payout';
  readonly status: PayoutStatus | UnrecognizedStatus;
  readonly data: PayoutData;
  /** The current row; `undefined` without a row or a repository. Rejects if the database fails. */
  stored(): Promise<PayoutRow | undefined>;
}

/** A callback with a valid proof. */
export type ValidCallback = PaymentCallback | PayoutCallback;

/** A forged or malformed callback. It is never stored. */
export interface InvalidCallback {
  readonly valid: false;
  readonly origin: 'callback';
  readonly method: 'GET' | 'POST';
  /** Why it is invalid, in the order of the rules. Never empty. */
  readonly issues: readonly Issue[];
  /** Every name and value as received, decoded. Do not trust them. */
  readonly received: ReadonlyArray<readonly [name: string, value: string]>;
  readonly update: SkippedUpdate;
  readonly signal: AbortSignal;
  readonly request: CallbackRequest;
}

/** The argument of `@OnGet` and `@OnPost` methods. Narrow it by `valid`, then by `kind`. */
export type Callback = ValidCallback | InvalidCallback;

/** The properties of callbacks that moved a status. An inquiry or a correction moves a status without a request. */
interface MovedCallback<S extends Status, Kind extends CallbackKind> {
  readonly valid: true;
  readonly kind: Kind;
  readonly status: S;
  readonly data: Kind extends 'payout' ? PayoutData : PaymentData;
  readonly unsigned: UnsignedData;
  /** The verified proof: its algorithm, and which of the configured keys it matched. */
  readonly proof: Proof;
  readonly update: AppliedUpdate;
  /** Aborts when the deadline of the handler method passes. */
  readonly signal: AbortSignal;
  /** The origin of the new status. */
  readonly origin: Origin;
  /** `undefined` if there was no request, neither now nor when the inbox recorded the event. */
  readonly method: 'GET' | 'POST' | undefined;
  /** The current row. Rejects if the database fails. */
  stored(): Promise<(Kind extends 'payout' ? PayoutRow : PaymentRow) | undefined>;
}

/**
 * The argument of `@OnStatus` methods with a `queue`, called after the commit: the callback that moved the status,
 * without its transaction and its request.
 */
export interface QueuedCallback<S extends Status = Status, Kind extends CallbackKind = 'payment'>
  extends MovedCallback<S, Kind> {
  readonly job: {
    readonly queue: string;
    /** Unique for this job, and the same if it runs again. Use it as an idempotency key. */
    readonly key: string;
  };
}

/**
 * The argument of `@OnStatus` methods: a verified callback, within the transaction that stores its status. `Trx` is the
 * transaction of the repository; `dragonpay-callback/kysely` has this type with the transaction of Kysely.
 */
export interface StoredCallback<S extends Status = Status, Trx = unknown, Kind extends CallbackKind = 'payment'>
  extends MovedCallback<S, Kind> {
  /** Commits or rolls back together with the status. */
  readonly trx: Trx;
  /** The request; `undefined` unless `origin` is `callback`. */
  readonly request: CallbackRequest | undefined;
  /** For an inquiry: the parts of the gateway's answer that callbacks do not have. */
  readonly inquiry?: InquiryDetails;
}
