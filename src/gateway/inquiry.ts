import { wait } from '../async/wait.js';
import { DragonpayError } from '../errors.js';
import type { VerifiedCallback } from '../model/verified-callback.js';
import { type InquiryTrace, inquiryChannel, traced } from '../observability/channels.js';
import { describeError } from '../observability/describe-error.js';
import { verifiedByInquiry } from '../verification/verified-by-inquiry.js';
import type { GatewayAnswer, GatewayCall } from './gateway-client.js';
import { type InquiryAnswer, readAnswer } from './read-inquiry-answer.js';
import { backoffMilliseconds, type RetryPolicy, readRetryAfter } from './retry.js';

/** The result of an inquiry. `known` is `false` if the gateway does not know the payment (404, or the status `U`). */
export type InquiryResult = { readonly known: true; readonly callback: VerifiedCallback } | { readonly known: false };

/** Options of one inquiry. `attempts` may be fewer than in the settings. */
interface AskOptions {
  readonly attempts?: number;
  readonly signal?: AbortSignal;
}

/** Asks the gateway about payments. */
export class Inquiry {
  readonly #call: GatewayCall;
  readonly #merchantId: string;
  readonly #policy: RetryPolicy;
  /** The end of the pause that the gateway asked for by `Retry-After`, on the clock of `performance.now()`. */
  #pausedUntil = 0;

  constructor(call: GatewayCall, merchantId: string, policy: RetryPolicy) {
    this.#call = call;
    this.#merchantId = merchantId;
    this.#policy = policy;
  }

  /**
   * Asks about one payment. Tries again if the gateway is out of order (5xx, 429, no complete answer).
   * @throws DragonpayError `gateway-unavailable` if it stays out of order, `gateway-refused` if it refuses the merchant,
   *   `answer-refused` if the answer is malformed, or is about another payment or merchant
   */
  ask(txnid: string, options: AskOptions = {}): Promise<InquiryResult> {
    if (!inquiryChannel.hasSubscribers) return this.#ask(txnid, options);
    const trace: InquiryTrace = { txnid };
    return traced(inquiryChannel, trace, async () => {
      const result = await this.#ask(txnid, options);
      trace.known = result.known;
      return result;
    });
  }

  async #ask(txnid: string, options: AskOptions): Promise<InquiryResult> {
    // A URL parser resolves `.` and `..` as steps of the path, so the call would go to another path.
    if (txnid === '.' || txnid === '..')
      throw new DragonpayError('answer-refused', 'the txnids "." and ".." cannot be put into the path of an inquiry');
    const answer = await this.#untilAnswered(`/txnid/${encodeURIComponent(txnid)}`, options);
    if (answer === 'not-known') return { known: false };
    const { callback, details, raw } = answer;
    if (callback.txnid !== txnid) {
      throw new DragonpayError('answer-refused', 'the gateway answered about another payment', { subject: 'txnid' });
    }
    if (callback.merchantid !== undefined && callback.merchantid !== this.#merchantId) {
      throw new DragonpayError('answer-refused', 'the gateway answered about another merchant', {
        subject: 'merchantid',
      });
    }
    if (callback.status === 'U') return { known: false };
    return { known: true, callback: verifiedByInquiry(callback, details, raw, this.#merchantId) };
  }

  async #untilAnswered(
    path: string,
    { attempts = this.#policy.attempts, signal }: AskOptions,
  ): Promise<InquiryAnswer | 'not-known'> {
    for (let attempt = 1; ; attempt++) {
      await this.#pause(signal);
      const tried = await this.#try(path, signal);
      if (!('error' in tried)) return tried.answer;
      signal?.throwIfAborted();
      const delay = Math.max(backoffMilliseconds(attempt, this.#policy), tried.retryAfter ?? 0);
      if (attempt >= attempts || delay > this.#policy.longestWaitMilliseconds) throw unavailable(tried.error);
      await wait(delay, signal);
    }
  }

  /** Waits until the gateway's pause is over. Another call may prolong the pause, so the whole wait is bounded. */
  async #pause(signal: AbortSignal | undefined): Promise<void> {
    const latest = performance.now() + this.#policy.longestWaitMilliseconds;
    for (let pause = this.#pausedUntil - performance.now(); pause > 0; pause = this.#pausedUntil - performance.now()) {
      if (this.#pausedUntil > latest)
        throw unavailable(new Error('the gateway asked for a longer pause than an inquiry may wait (Retry-After)'));
      await wait(pause, signal);
    }
  }

  async #try(path: string, signal: AbortSignal | undefined): Promise<Tried> {
    let answer: GatewayAnswer;
    try {
      answer = await this.#call(path, signal);
    } catch (error) {
      return { error };
    }
    const { status, retryAfter, text } = answer;
    if (status === 404) return { answer: 'not-known' };
    if (status === 429 || status >= 500) {
      const milliseconds = readRetryAfter(retryAfter, Date.now());
      if (milliseconds !== undefined) {
        this.#pausedUntil = Math.max(this.#pausedUntil, performance.now() + milliseconds);
      }
      return { error: new Error(`the gateway answered ${status}`), retryAfter: milliseconds };
    }
    if (status < 200 || status > 299) {
      throw new DragonpayError('gateway-refused', `the gateway answered ${status}`);
    }
    return readTried(text);
  }
}

type Tried =
  | { readonly answer: InquiryAnswer | 'not-known' }
  | { readonly error: unknown; readonly retryAfter?: number | undefined };

/** An answer that is not JSON was cut off: the call is repeated. An answer that is malformed in another way is not. */
function readTried(text: string): Tried {
  try {
    return { answer: readAnswer(text) };
  } catch (cause) {
    if (cause instanceof SyntaxError) return { error: new Error('the answer of the gateway is not JSON') };
    throw new DragonpayError('answer-refused', (cause as Error).message, { cause });
  }
}

function unavailable(cause: unknown): DragonpayError {
  return new DragonpayError('gateway-unavailable', describeError(cause).message, { cause });
}
