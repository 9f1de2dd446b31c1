import type { CallbackRequest } from './callback-request.js';
import type { Issue } from './preprocessing/read-fields.js';
import type { CallbackKind, PaymentStatus, PayoutStatus, Status } from './preprocessing/transaction-status.js';
import type { AppliedUpdate, CallbackUpdate, SkippedUpdate } from './repository/callback-update.js';
import type { PayoutRow, TransactionRow } from './repository/rows.js';
import type { InquiryDetails, Origin, Proof } from './verification/verified-callback.js';

/** The fields of a payment that its proof covers. Which ones these are depends on the kind of proof. */
export interface PaymentData {
  /** The merchant's own id of the payment: 1 to 40 printable ASCII characters without `:`. */
  readonly txnid: string;
  /** Dragonpay's reference number: opaque, 1 to 32 printable ASCII characters without `:`. */
  readonly refno: string;
  /** The status letter as sent; see `callback.status`. */
  readonly status: string;
  /** Free text: a bank reference, instructions or an error. Never decides anything. Empty when not sent. */
  readonly message: string;
  /** Covered by RSA only. */
  readonly merchantid?: string;
  /** The merchant's own parameters, echoed. Covered by RSA only, and only where they cannot be re-cut. */
  readonly param1?: string;
  readonly param2?: string;
  /** Decimal string with two decimals, such as `100.00`. Covered by RSA and HMAC. */
  readonly amount?: string;
  /** A payout's. */
  readonly merchantTxnId?: undefined;
}

/** The fields of a payout that its digest covers. */
export interface PayoutData {
  /** The merchant's own id of the payout: 1 to 40 printable ASCII characters without `:`. */
  readonly merchantTxnId: string;
  readonly refno: string;
  readonly status: string;
  readonly message: string;
  /** A payment's. */
  readonly txnid?: undefined;
}

/** What came with a callback and nothing vouches for: a hint to show, never a ground to act on. */
export interface UnsignedData {
  readonly message?: string;
  readonly merchantid?: string;
  readonly param1?: string;
  readonly param2?: string;
  /** Decimal string with two decimals. */
  readonly amount?: string;
  /** Currency, three letters. */
  readonly ccy?: string;
  /** The channel that was paid through, such as `BPI`. */
  readonly procid?: string;
  /** `YYYY-MM-DD`. */
  readonly settledate?: string;
}

/** What valid callbacks of both kinds have. */
interface ValidCallbackBase {
  readonly valid: true;
  readonly origin: 'callback';
  readonly method: 'GET' | 'POST';
  readonly unsigned: UnsignedData;
  /** The proof that held: its kind, and which of the configured keys. */
  readonly proof: Proof;
  /** What became of the row. */
  readonly update: CallbackUpdate;
  /** Aborts when the deadline of the handler passes. */
  readonly signal: AbortSignal;
  /** The request that brought it. */
  readonly request: CallbackRequest;
}

/** A letter that Dragonpay's tables do not hold: kept as received, never stored as a status, never paid. */
export type UnrecognizedStatus = string & Record<never, never>;

/** A verified callback about money coming in. */
export interface PaymentCallback extends ValidCallbackBase {
  readonly kind: 'payment';
  readonly status: PaymentStatus | UnrecognizedStatus;
  readonly data: PaymentData;
  /** The row as it stands now; `undefined` when there is none, or no repository. Rejects when the database fails. */
  stored(): Promise<TransactionRow | undefined>;
}

/** A verified callback about money going out. */
export interface PayoutCallback extends ValidCallbackBase {
  readonly kind: 'payout';
  readonly status: PayoutStatus | UnrecognizedStatus;
  readonly data: PayoutData;
  /** The row as it stands now; `undefined` when there is none, or no repository. Rejects when the database fails. */
  stored(): Promise<PayoutRow | undefined>;
}

/** A callback whose proof held. */
export type ValidCallback = PaymentCallback | PayoutCallback;

/** A callback that is forged or malformed. Nothing of it was, or ever will be, stored. */
export interface InvalidCallback {
  readonly valid: false;
  readonly origin: 'callback';
  readonly method: 'GET' | 'POST';
  /** Why, the first rule that failed first. Never empty. */
  readonly issues: readonly Issue[];
  /** Every name and value as received, decoded. Believe none of it. */
  readonly received: ReadonlyArray<readonly [name: string, value: string]>;
  readonly update: SkippedUpdate;
  readonly signal: AbortSignal;
  readonly request: CallbackRequest;
}

/** What `@OnGet` and `@OnPost` methods receive: told apart by `valid`, then by `kind`. */
export type Callback = ValidCallback | InvalidCallback;

/** A status may also be moved by news that came to no endpoint: the gateway's answer, a replay, a correction. */
type FromAnywhere<Valid extends ValidCallback> = Omit<Valid, 'origin' | 'method' | 'request'> & {
  /** Where the news came from. */
  readonly origin: Origin;
  /** `undefined` for what came by no request, now or when it was kept in the inbox. */
  readonly method: 'GET' | 'POST' | undefined;
};

type OfKind<Kind extends CallbackKind> = Kind extends 'payout' ? PayoutCallback : PaymentCallback;

/**
 * What `@OnStatus` methods with a `queue` receive, after the commit: what the status was moved by. There is no
 * transaction and no request any more.
 */
export type QueuedCallback<S extends Status = Status, Kind extends CallbackKind = 'payment'> = FromAnywhere<
  OfKind<Kind>
> & {
  readonly status: S;
  readonly update: AppliedUpdate;
  readonly job: {
    readonly queue: string;
    /** The same whenever this work is done again, and no other's: what a mailer or courier tells repeats by. */
    readonly key: string;
  };
};

/**
 * What `@OnStatus` methods receive: a verified callback whose status has just been stored, within the transaction
 * that stores it. `Trx` is the repository's transaction; `dragonpay-callback/kysely` has this type with Kysely's.
 */
export type StoredCallback<
  S extends Status = Status,
  Trx = unknown,
  Kind extends CallbackKind = 'payment',
> = FromAnywhere<OfKind<Kind>> & {
  readonly status: S;
  readonly update: AppliedUpdate;
  /** Commits or rolls back together with the status. */
  readonly trx: Trx;
  /** The request that brought it; none unless its origin is a callback. */
  readonly request: CallbackRequest | undefined;
  /** For an inquiry: what its answer said beside the fields of a callback. */
  readonly inquiry?: InquiryDetails;
};
