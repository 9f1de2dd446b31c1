import { DragonpayError } from '../errors.js';
import type { Inquiry } from '../gateway/inquiry.js';
import type { CallbackUpdate } from '../model/callback-update.js';
import type { VerifiedCallback } from '../model/verified-callback.js';
import type { InquiredEvent } from '../observability/hooks.js';
import type { InquiryClaim, ReconcilableRepository } from '../repository/capabilities.js';

/** Which payments {@link reconcile} asks about: the open ones, or given ones. */
export type ReconcileSelection =
  | {
      /** Open payments (P, U, A) without news or inquiry for so long, in milliseconds. */
      readonly olderThan: number;
      /** At most so many. */
      readonly limit: number;
    }
  | { readonly txnids: readonly string[] };

/** What {@link reconcile} came to, in payments. `asked` is the sum of all but `skipped`. */
export interface ReconcileReport {
  /** The gateway was asked about them. */
  readonly asked: number;
  /** The gateway had news: their status moved. */
  readonly applied: number;
  /** The gateway says what is stored already, or what the status has passed. */
  readonly unchanged: number;
  /** The answer was kept for a second look: amount, currency or refno differ, or the letter is no status. */
  readonly review: number;
  /** The gateway does not know them (404, or `U`). */
  readonly notKnown: number;
  /** There was no answer that could be used, or it could not be stored; they are asked about again. */
  readonly failed: number;
  /** Given payments that were not asked about: another process has them, or there is no such row. */
  readonly skipped: number;
  /** The run ended early: the gateway is out of order or refuses the merchant, or `close()` was called. */
  readonly stopped: boolean;
}

/** What {@link reconcile} works with. */
export interface ReconcileParts {
  readonly repository: ReconcilableRepository;
  readonly inquiry: Inquiry;
  /** Stores an answer, and runs the handlers. Rejects where nothing was stored. */
  readonly deliver: (callback: VerifiedCallback) => Promise<CallbackUpdate>;
  /** How long a claim holds, in milliseconds: longer than an inquiry and its storing may take. */
  readonly lease: number;
  readonly concurrency: number;
  readonly signal: AbortSignal;
  readonly inquired: (event: InquiredEvent) => void;
}

/** A run ends when so many payments in a row failed because the gateway is out of order. */
const patience = 3;

/**
 * Asks the gateway about payments and delivers its answers. Rejects only where the repository cannot be asked, and only
 * when nothing is under way any more.
 */
export async function reconcile(selection: ReconcileSelection, parts: ReconcileParts): Promise<ReconcileReport> {
  const run = new Run(parts);
  const next = 'txnids' in selection ? run.given(selection.txnids) : run.oldest(selection.olderThan, selection.limit);
  const ended = await Promise.allSettled(Array.from({ length: parts.concurrency }, () => run.work(next)));
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  return run.report;
}

type Next = () => Promise<InquiryClaim | undefined>;

class Run {
  readonly report = {
    asked: 0,
    applied: 0,
    unchanged: 0,
    review: 0,
    notKnown: 0,
    failed: 0,
    skipped: 0,
    stopped: false,
  };
  readonly #parts: ReconcileParts;
  #outages = 0;

  constructor(parts: ReconcileParts) {
    this.#parts = parts;
  }

  /**
   * Claims one payment after the other, the longest without news first. Those that this run has asked about are younger
   * than its start; the time on the way to the database may hide that, so they are remembered as well.
   */
  oldest(olderThan: number, limit: number): Next {
    const { repository, lease } = this.#parts;
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

  given(txnids: readonly string[]): Next {
    const { repository, lease } = this.#parts;
    const left = [...new Set(txnids)];
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
    if (this.#outages >= patience || this.#parts.signal.aborted) this.report.stopped = true;
    return this.report.stopped;
  }

  /** Never rejects. */
  async #ask(claim: InquiryClaim): Promise<void> {
    const { repository, inquired, signal } = this.#parts;
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
    inquired(event);
    // One that failed goes to the end of the line as well, so that it cannot keep the others waiting. Where close()
    // broke the call off, and where the database is gone, the lease runs out by itself.
    if (!(signal.aborted && event.result === 'failed')) await repository.finishInquiry(claim).catch(() => {});
  }

  async #resultOf(txnid: string): Promise<InquiredEvent['result']> {
    const { inquiry, deliver, signal } = this.#parts;
    const result = await inquiry.ask(txnid, { signal });
    if (!result.known) return 'notKnown';
    const { outcome } = await deliver(result.callback);
    if (outcome === 'applied') return outcome;
    return outcome === 'duplicate' || outcome === 'stale' ? 'unchanged' : 'review';
  }

  #countOutage(error: unknown): void {
    const code = DragonpayError.is(error) ? error.code : undefined;
    if (code === 'gateway-unavailable') this.#outages++;
    if (code === 'gateway-refused') this.#outages = patience;
  }
}
