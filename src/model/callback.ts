import type { CallbackKind } from '../protocol/kinds.js';
import type { PaymentStatus, PayoutStatus, Status } from '../protocol/statuses.js';
import type { PaymentData, PayoutData, UnsignedData } from './callback-data.js';
import type { CallbackRequest } from './callback-request.js';
import type { AppliedUpdate, CallbackUpdate, SkippedUpdate } from './callback-update.js';
import type { Issue } from './issue.js';
import type { InquiryDetails, Origin, Proof } from './origin.js';
import type { PaymentRow, PayoutRow } from './rows.js';

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
  stored(): Promise<PaymentRow | undefined>;
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
