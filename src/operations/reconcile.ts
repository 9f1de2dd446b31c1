import { anySignal } from '../async/any-signal.js';
import { DragonpayError, invalidSetting, whileReading } from '../errors.js';
import type { Inquiry } from '../gateway/inquiry.js';
import type { CallbackStore } from '../handling/callback-store.js';
import type { Handler, HandlerOption } from '../handling/handler-registry.js';
import type { Hooks, InquiredEvent } from '../observability/hooks.js';
import { tell } from '../observability/tell.js';
import { idShape } from '../protocol/field-shapes.js';
import { checkNames, type NamesOf } from '../protocol/nearest-name.js';
import {
  canCatchUp,
  type InquiryClaim,
  isReconcilable,
  type ReconcilableRepository,
} from '../repository/capabilities.js';
import { type CatchUpContext, catchUp } from './catch-up.js';
import { storeWithoutRequest } from './store-without-request.js';

/** The defaults of {@link ReconcileOptions}. */
export const reconcileDefaults = { olderThan: 15 * 60_000, limit: 100, concurrency: 4 } as const;

/** Options of `reconcile()`. */
export interface ReconcileOptions extends HandlerOption {
  /**
   * Selects payments whose last callback or inquiry is this old, in whole milliseconds. Default: 900,000 (15 minutes).
   */
  readonly olderThan?: number;
  /** The maximum number of payments. Default: 100. */
  readonly limit?: number;
  /** Selects these payments, whatever their status and age, instead of open ones. */
  readonly txnids?: readonly string[];
  /** The maximum number of concurrent calls. Default: 4. */
  readonly concurrency?: number;
  /** Ends the run early. */
  readonly signal?: AbortSignal;
  /** Called for each payment that this run asked about, like the hook of the same name. */
  readonly inquired?: (event: InquiredEvent) => unknown;
}

/** The result of `reconcile()`, in numbers of payments. `asked` is the sum of the five results below it. */
export interface ReconcileReport {
  /** Payments that the gateway was asked about. */
  readonly asked: number;
  /** Their status moved. */
  readonly applied: number;
  /** The gateway answered with the stored status, or with an earlier one. */
  readonly unchanged: number;
  /** The answer was recorded for review: amount, currency or refno differ, or the letter is not a status. */
  readonly review: number;
  /** The gateway does not know them (404, or `U`). */
  readonly notKnown: number;
  /** The answer was unusable, or could not be stored. A later run asks again. */
  readonly failed: number;
  /** Callbacks that came before their row, and were applied now. */
  readonly caughtUp: number;
  /** Given payments that were not asked about: another process has them, or there is no such row. */
  readonly skipped: number;
  /** The run ended early: the gateway fails or refuses the merchant, or `close()` was called. */
  readonly stopped: boolean;
}

const emptyReport = {
  asked: 0,
  applied: 0,
  unchanged: 0,
  review: 0,
  notKnown: 0,
  failed: 0,
  caughtUp: 0,
  skipped: 0,
  stopped: false,
};

/** The parts of the receiver that `reconcile()` needs. */
export interface ReconcileContext extends CatchUpContext {
  readonly inquiry: Inquiry | undefined;
  /** How long an inquiry may take, in milliseconds. */
  readonly inquiryMilliseconds: number;
  readonly hooks: Hooks;
  /** Aborts when `close()` is called. */
  readonly closing: AbortSignal;
}

/** The run ends after this many gateway outages in a row. */
const mostOutages = 3;

/**
 * Extra time of a lease, in milliseconds: timers may be late. The rest of the lease covers the time that an inquiry may
 * take.
 */
const leaseReserve = 1_000;

/**
 * Asks the gateway about payments and stores its answers. See `Dragonpay.reconcile`. Rejects only if it cannot begin,
 * or if the repository fails. It never rejects before all its work has ended.
 */
export async function reconcile(options: ReconcileOptions, context: ReconcileContext): Promise<ReconcileReport> {
  checkNames(options, knownOptions);
  const defaults = reconcileDefaults;
  const { olderThan = defaults.olderThan, limit = defaults.limit, concurrency = defaults.concurrency } = options;
  whileReading('options', () => checkOptions({ ...options, olderThan, limit, concurrency }));
  const { handlers, store, inquiry, hooks, closing } = context;
  const { repository } = store;
  if (inquiry === undefined && (options.txnids !== undefined || !canCatchUp(repository))) {
    throw invalidSetting('apiKey', 'is missing: reconcile() asks the gateway');
  }
  if (inquiry !== undefined && !isReconcilable(repository)) {
    throw new DragonpayError('not-supported', 'the repository cannot reconcile: it has no methods for claims');
  }
  const handler = inquiry && handlers.find('payment', options);
  const { signal, forget } = anySignal(closing, ...(options.signal === undefined ? [] : [options.signal]));
  try {
    const caughtUp = options.txnids === undefined ? await catchUp(options, context, signal) : 0;
    if (handler === undefined || inquiry === undefined || !isReconcilable(repository))
      return { ...emptyReport, caughtUp };
    const run = new Reconciliation({ repository, inquiry, handler, store, signal }, (event) => {
      tell(hooks.inquired, event);
      tell(options.inquired, event);
    });
    run.report.caughtUp = caughtUp;
    const lease = leaseOf(context);
    const next =
      options.txnids === undefined
        ? run.oldest(olderThan, limit, lease)
        : run.given([...new Set(options.txnids)], lease);
    const ended = await Promise.allSettled(Array.from({ length: concurrency }, () => run.work(next)));
    for (const end of ended) if (end.status === 'rejected') throw end.reason;
    return run.report;
  } finally {
    forget();
  }
}

/**
 * How long a claim lasts, in milliseconds. It must outlast its inquiry, the resolver, the method, the move and the
 * record of a failure.
 */
function leaseOf({ inquiryMilliseconds, store: { limits } }: ReconcileContext): number {
  return inquiryMilliseconds + 2 * (limits.storeMilliseconds + limits.handlerMilliseconds) + leaseReserve;
}

type Next = () => Promise<InquiryClaim | undefined>;

interface ReconciliationParts {
  readonly repository: ReconcilableRepository;
  readonly inquiry: Inquiry;
  readonly handler: Handler;
  readonly store: CallbackStore;
  readonly signal: AbortSignal;
}

/** One run: its report, and its workers. */
class Reconciliation {
  readonly report = { ...emptyReport };
  readonly #parts: ReconciliationParts;
  readonly #inquired: (event: InquiredEvent) => void;
  #outages = 0;

  constructor(parts: ReconciliationParts, inquired: (event: InquiredEvent) => void) {
    this.#parts = parts;
    this.#inquired = inquired;
  }

  /**
   * Claims open payments, beginning with the longest time since the last callback or inquiry. A payment that this run
   * has asked about is too young to be claimed again. A slow statement can hide this, so the run also remembers these
   * payments.
   */
  oldest(olderThan: number, limit: number, lease: number): Next {
    const { repository } = this.#parts;
    const startedAt = performance.now();
    const claimed = new Set<string>();
    let left = limit;
    return async () => {
      if (left-- <= 0) return undefined;
      const claim = await repository.claimOpenPayment({ olderThan: olderThan + performance.now() - startedAt, lease });
      if (claim === undefined || !claimed.has(claim.txnid)) {
        if (claim !== undefined) claimed.add(claim.txnid);
        return claim;
      }
      await repository.finishInquiry(claim);
      return undefined;
    };
  }

  given(left: string[], lease: number): Next {
    const { repository } = this.#parts;
    return async () => {
      for (let txnid = left.shift(); txnid !== undefined; txnid = left.shift()) {
        const claim = await repository.claimPayment(txnid, { lease });
        if (typeof claim === 'object') return claim;
        this.report.skipped++;
      }
      return undefined;
    };
  }

  async work(next: Next): Promise<void> {
    while (!this.#mustStop()) {
      const claim = await next().catch((error: unknown) => {
        this.report.stopped = true;
        throw error;
      });
      if (claim === undefined) return;
      await this.#ask(claim);
    }
  }

  #mustStop(): boolean {
    if (this.#outages >= mostOutages || this.#parts.signal.aborted) this.report.stopped = true;
    return this.report.stopped;
  }

  /** Never rejects. */
  async #ask(claim: InquiryClaim): Promise<void> {
    const { repository, signal } = this.#parts;
    this.report.asked++;
    let event: InquiredEvent;
    try {
      event = { txnid: claim.txnid, result: await this.#resultOf(claim.txnid) };
      this.#outages = 0;
    } catch (error) {
      event = { txnid: claim.txnid, result: 'failed', error };
      this.#countOutage(error);
    }
    this.report[event.result]++;
    this.#inquired(event);
    // A payment that failed also goes to the end of the queue: it must not delay the others. If close() ended the call,
    // or the database failed, the lease ends by itself.
    if (!(signal.aborted && event.result === 'failed')) await repository.finishInquiry(claim).catch(() => {});
  }

  async #resultOf(txnid: string): Promise<InquiredEvent['result']> {
    const { inquiry, handler, store, signal } = this.#parts;
    const result = await inquiry.ask(txnid, { signal });
    if (!result.known) return 'notKnown';
    const { outcome } = await storeWithoutRequest(result.callback, handler, store);
    if (outcome === 'applied') return outcome;
    return outcome === 'duplicate' || outcome === 'stale' ? 'unchanged' : 'review';
  }

  #countOutage(error: unknown): void {
    const code = DragonpayError.is(error) ? error.code : undefined;
    if (code === 'gateway-unavailable') this.#outages++;
    if (code === 'gateway-refused') this.#outages = mostOutages;
  }
}

const knownOptions: NamesOf<ReconcileOptions> = {
  olderThan: true,
  limit: true,
  txnids: true,
  concurrency: true,
  signal: true,
  inquired: true,
  handler: true,
};

function checkOptions({ olderThan, limit, concurrency, txnids, signal }: ReconcileOptions): void {
  checkInteger('olderThan', olderThan, 0, 2 ** 40);
  checkInteger('limit', limit, 1, 2 ** 30);
  checkInteger('concurrency', concurrency, 1, 1_000);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw invalidSetting('signal', 'must be an AbortSignal');
  if (txnids === undefined) return;
  if (!Array.isArray(txnids)) throw invalidSetting('txnids', 'must be an array');
  const wrong = txnids.findIndex((txnid) => !idShape.holds(txnid));
  if (wrong >= 0) throw invalidSetting(`txnids[${wrong}]`, 'must be a txnid');
}

function checkInteger(option: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined || !Number.isSafeInteger(value) || value < least || value > most) {
    throw invalidSetting(option, `must be an integer from ${least} to ${most}`);
  }
}
