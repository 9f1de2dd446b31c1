import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel';
import type { FailureCode } from '../errors.js';
import type { UpdateOutcome } from '../model/callback-update.js';
import type { Origin } from '../model/origin.js';
import type { CallbackKind } from '../protocol/kinds.js';

/** One request, on the channel `dragonpay-callback:dispatch`. Fields appear when they are known. */
export interface DispatchTrace {
  /** The HTTP method, escaped. */
  readonly method: string;
  /** Whether the proof of the callback held. `undefined` if there is no callback to verify, as in `OPTIONS`. */
  verdict?: 'verified' | 'refused';
  /** Why it was refused, or what the handler failed with. */
  code?: FailureCode;
  /** This field and the next three are set only for a verified callback. */
  kind?: CallbackKind;
  id?: string;
  refno?: string;
  /** The letter of the status. */
  status?: string;
  /** The result of storing the callback. */
  outcome?: UpdateOutcome;
  /** The HTTP status of the reply. */
  replyStatus?: number;
  /** The error of a handler method, although the request was answered. */
  error?: unknown;
}

/** One verified callback that is stored, on the channel `dragonpay-callback:store`. Its effect is a part of it. */
export interface StoreTrace {
  readonly kind: CallbackKind;
  readonly id: string;
  readonly refno: string;
  readonly status: string;
  readonly origin: Origin;
  /** The HTTP method. `undefined` where there is no request. */
  readonly method: string | undefined;
  /** The result of storing the callback. `unstored` if it failed. */
  outcome?: UpdateOutcome;
  /** Why it was not stored. */
  error?: unknown;
}

/** The `@OnStatus` method of a status, and its jobs, on the channel `dragonpay-callback:effect`. */
export interface EffectTrace {
  readonly kind: CallbackKind;
  readonly id: string;
  readonly status: string;
  /** `Class.method`. */
  readonly handler: string;
  /** The error of the method. The transaction is rolled back. */
  error?: unknown;
}

/** A question to the gateway about one payment, on the channel `dragonpay-callback:inquiry`. */
export interface InquiryTrace {
  readonly txnid: string;
  /** Whether the gateway knows the payment. */
  known?: boolean;
  /** Why there is no answer. */
  error?: unknown;
}

/** A job that a queue hands to its method, on the channel `dragonpay-callback:job`. */
export interface JobTrace {
  readonly queue: string;
  readonly kind: CallbackKind;
  readonly id: string;
  readonly status: string;
  /** `Class.method`. */
  readonly handler: string;
  /** The error of the method. The queue tries again. */
  error?: unknown;
}

/** The tracing channels of `node:diagnostics_channel`, each with the type of its traces. */
export interface TraceChannels {
  'dragonpay-callback:dispatch': DispatchTrace;
  'dragonpay-callback:store': StoreTrace;
  'dragonpay-callback:effect': EffectTrace;
  'dragonpay-callback:inquiry': InquiryTrace;
  'dragonpay-callback:job': JobTrace;
}

function channelOf<Name extends keyof TraceChannels>(
  name: Name,
): TracingChannel<TraceChannels[Name], TraceChannels[Name]> {
  return tracingChannel<TraceChannels[Name], TraceChannels[Name]>(name);
}

/** Traces some work. The trace never holds the result of the work, which may hold a proof. */
export async function traced<Trace extends object, Result>(
  channel: TracingChannel<Trace, Trace>,
  trace: Trace,
  work: () => Result | PromiseLike<Result>,
): Promise<Result> {
  let result: Result | undefined;
  await channel.tracePromise(async () => {
    result = await work();
  }, trace);
  return result as Result;
}

/** Check `hasSubscribers` of a channel first: without a subscriber, the code must make no trace and no promise. */
export const dispatchChannel = channelOf('dragonpay-callback:dispatch');
export const storeChannel = channelOf('dragonpay-callback:store');
export const effectChannel = channelOf('dragonpay-callback:effect');
export const inquiryChannel = channelOf('dragonpay-callback:inquiry');
export const jobChannel = channelOf('dragonpay-callback:job');
