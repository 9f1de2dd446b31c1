import type { FailureCode } from '../errors.js';
import type { CallbackUpdate } from '../model/callback-update.js';
import type { Origin } from '../model/origin.js';
import type { CallbackKind } from '../protocol/kinds.js';
import { escapeForLog } from './tell.js';

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
  /** What failed, and what to change where the set-up is at fault. Holds no value of a field. */
  readonly message: string;
  /** The `txnid` or `merchantTxnId` as sent, escaped and shortened. It is not verified. */
  readonly id: string | undefined;
}

/** The repository was asked to store a verified callback. */
export interface StoredEvent {
  readonly kind: CallbackKind;
  readonly id: string;
  readonly refno: string;
  readonly status: string;
  readonly origin: Origin;
  /** The HTTP method. `undefined` where there is no request: an inquiry, a replay. */
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
 * except where the `error` of your own code or database does.
 */
export interface Hooks {
  /** A request arrived. */
  readonly received?: (event: ReceivedEvent) => unknown;
  /** A request was refused, or a callback was invalid. Default: one line on stderr for a 5xx. */
  readonly rejected?: (event: RejectedEvent) => unknown;
  /** The repository was asked to store a callback. Default: one line on stderr where it failed. */
  readonly stored?: (event: StoredEvent) => unknown;
  /** A handler method failed. Default: one line on stderr. */
  readonly handlerFailed?: (event: HandlerFailedEvent) => unknown;
  /** The gateway was asked about a payment. Default: one line on stderr where it failed. */
  readonly inquired?: (event: InquiredEvent) => unknown;
  /** A request was answered. */
  readonly replied?: (event: RepliedEvent) => unknown;
  /** Default: one line on stderr. */
  readonly replyFailed?: (event: ReplyFailedEvent) => unknown;
}

/** The hooks that are used where none are set. Without them, nobody would notice a callback that is lost. */
export const defaultHooks: Hooks = {
  rejected: ({ method, code, status, message }) => {
    if (status >= 500) console.error(`dragonpay-callback: ${method} answered ${status} ${code}: ${message}`);
  },
  stored: ({ update, kind, id, status, error }) => {
    if (update.outcome === 'unstored') {
      console.error(`dragonpay-callback: ${kind} ${id} ${status} was not stored: ${messageOf(error)}`);
    }
  },
  inquired: ({ txnid, result, error }) => {
    if (result === 'failed') console.error(`dragonpay-callback: inquiry of ${txnid} failed: ${messageOf(error)}`);
  },
  handlerFailed: ({ handler, error }) => {
    console.error(`dragonpay-callback: ${handler} failed: ${messageOf(error)}`);
  },
  replyFailed: ({ error }) => {
    console.error(`dragonpay-callback: a reply was not written: ${messageOf(error)}`);
  },
};

/** Any value can be thrown, including one that cannot be converted to a string. */
function messageOf(error: unknown): string {
  try {
    return escapeForLog(error instanceof Error ? error.message : String(error));
  } catch {
    return 'an error that has no message';
  }
}
