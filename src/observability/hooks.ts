import type { FailureCode } from '../errors.js';
import type { CallbackUpdate } from '../model/callback-update.js';
import type { Origin } from '../model/origin.js';
import type { CallbackKind } from '../protocol/kinds.js';

/** A request arrived at an endpoint. */
export interface ReceivedEvent {
  readonly method: string;
  readonly remoteAddress: string | undefined;
}

/** A request was refused, or a callback was invalid. */
export interface RejectedEvent {
  readonly method: string;
  /** The first rule that failed. */
  readonly code: FailureCode;
  /** The HTTP status of the code. The handler may have answered with another one. */
  readonly status: number;
  readonly field: string | undefined;
  /** What failed, and what to change if the set-up is at fault. Holds no value of a field. */
  readonly message: string;
  /** The `txnid` or `merchantTxnId` as sent, escaped and shortened. It is not verified. */
  readonly id: string | undefined;
  /**
   * Whether this process has verified no callback of its kind so far. Many such events mean that a setting is wrong.
   */
  readonly neverVerified: boolean;
}

/** The repository was asked to store a verified callback. */
export interface StoredEvent {
  readonly kind: CallbackKind;
  readonly id: string;
  readonly refno: string;
  readonly status: string;
  readonly origin: Origin;
  /** The HTTP method. `undefined` without a request, as for an inquiry or a replay. */
  readonly method: string | undefined;
  readonly update: CallbackUpdate;
  /** The reason for the outcome `unstored`. */
  readonly error?: unknown;
}

/** A method of the handler class threw or missed its deadline, or could not be called. */
export interface HandlerFailedEvent {
  /** `Class.method`. */
  readonly handler: string;
  readonly code: FailureCode;
  readonly error: unknown;
}

/** The gateway was asked about one payment. */
export interface InquiredEvent {
  readonly txnid: string;
  readonly result: 'applied' | 'unchanged' | 'review' | 'notKnown' | 'failed';
  readonly error?: unknown;
}

/** An adapter could not write a reply, or other code had answered the request before. */
export interface ReplyFailedEvent {
  readonly error: unknown;
}

/** Dragonpay's public keys could not be renewed. The known ones are used meanwhile, for at most a day. */
export interface KeysFailedEvent {
  /** Whether the keys endpoint was not reached, or its answer was not understood, and why. */
  readonly problem: string;
}

/** A run of `keepUp()` failed. The next run follows as usual. */
export interface KeepUpFailedEvent {
  readonly error: unknown;
}

/** A request was answered. */
export interface RepliedEvent {
  readonly method: string;
  readonly status: number;
  /** The time between the dispatcher's first and last step. */
  readonly milliseconds: number;
}

/**
 * Functions that are called when something happens, for logs and metrics. Their results are ignored and not awaited,
 * and a hook that throws or rejects changes nothing. Text in events is escaped. Events hold no secret, key or proof,
 * unless the `error` of your own code or database holds one.
 */
export interface Hooks {
  /** A request arrived. Default: nothing. */
  readonly received?: (event: ReceivedEvent) => unknown;
  /**
   * A request was refused, or a callback was invalid. Default: a line on stderr, at most one a minute for each code; and
   * at most one an hour if callbacks are refused for their proofs and none was ever verified.
   */
  readonly rejected?: (event: RejectedEvent) => unknown;
  /**
   * The repository was asked to store a callback. Default: a line on stderr if that failed. A callback without a row, a
   * mismatch, an unknown status letter and a late payment also make a line, at most one a minute for each kind.
   */
  readonly stored?: (event: StoredEvent) => unknown;
  /** A handler method failed. Default: its message and stack on stderr. */
  readonly handlerFailed?: (event: HandlerFailedEvent) => unknown;
  /** The gateway was asked about a payment. Default: a line on stderr if that failed. */
  readonly inquired?: (event: InquiredEvent) => unknown;
  /** A run of `keepUp()` failed. Default: a line on stderr, at most one a minute. */
  readonly keepUpFailed?: (event: KeepUpFailedEvent) => unknown;
  /** The public keys could not be renewed. Default: a line on stderr, at most one a minute. */
  readonly keysFailed?: (event: KeysFailedEvent) => unknown;
  /** A request was answered. Default: nothing. */
  readonly replied?: (event: RepliedEvent) => unknown;
  /** An adapter could not write a reply. Default: the message and the stack on stderr. */
  readonly replyFailed?: (event: ReplyFailedEvent) => unknown;
}
