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
  /** The HTTP status that belongs to the code. A handler may have answered otherwise. */
  readonly status: number;
  readonly field: string | undefined;
  /** What failed, and for a fault of the set-up what to mend. Holds no value of a field. */
  readonly message: string;
  /** The `txnid` or `merchantTxnId` as sent, escaped and shortened. Nothing vouches for it. */
  readonly id: string | undefined;
}

/** The repository was asked to store a verified callback. */
export interface StoredEvent {
  readonly kind: CallbackKind;
  readonly id: string;
  readonly refno: string;
  readonly status: string;
  readonly origin: Origin;
  /** `undefined` for what did not come by a request. */
  readonly method: string | undefined;
  readonly update: CallbackUpdate;
  /** With the outcome `unstored`: why. */
  readonly error?: unknown;
}

/** A method of the handler class threw or missed its deadline, or could not be called. */
export interface HandlerFailedEvent {
  /** `Class.method` */
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

/** A request was answered. */
export interface RepliedEvent {
  readonly method: string;
  readonly status: number;
  /** From the dispatcher's first step to its last. */
  readonly milliseconds: number;
}

/**
 * Functions that are told what happens: for logs and metrics. What they return is not waited for, and one that throws
 * or rejects changes nothing. Text in events is escaped; no secret, key or proof is in one.
 */
export interface Hooks {
  readonly received?: (event: ReceivedEvent) => unknown;
  /** When not given: one line on stderr for what is a fault of the set-up or the network (5xx). */
  readonly rejected?: (event: RejectedEvent) => unknown;
  /** When not given: one line on stderr for what could not be stored. */
  readonly stored?: (event: StoredEvent) => unknown;
  /** When not given: one line on stderr. */
  readonly handlerFailed?: (event: HandlerFailedEvent) => unknown;
  /** The gateway was asked about a payment. When not given: one line on stderr for what failed. */
  readonly inquired?: (event: InquiredEvent) => unknown;
  readonly replied?: (event: RepliedEvent) => unknown;
}

/** What speaks up when nobody listens: silence about a lost callback would cost the merchant money. */
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
};

function messageOf(error: unknown): string {
  return escapeForLog(error instanceof Error ? error.message : String(error));
}

/** Text that cannot forge a log line: printable ASCII, at most 200 characters. */
export function escapeForLog(text: string): string {
  const shortened = text.length > 200 ? `${text.slice(0, 200)}...` : text;
  return shortened.replace(/[^\u0020-\u007e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Tells a hook, and contains whatever it does. */
export function tell<Event>(hook: ((event: Event) => unknown) | undefined, event: Event): void {
  if (hook === undefined) return;
  try {
    const told = hook(event);
    if (told instanceof Promise) told.catch(() => {});
  } catch {
    // A logger that fails is no reason to lose a callback.
  }
}
