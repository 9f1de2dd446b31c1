import type { RecordedUpdate } from '../model/callback-update.js';
import { alreadyExists, type NewRow, newPayment, newPayout } from '../model/new-row.js';
import type {
  EventKey,
  InboxEvent,
  KeptEvent,
  PaymentDetails,
  PaymentRow,
  PayoutDetails,
  PayoutRow,
} from '../model/rows.js';
import type { VerifiedCallback } from '../model/verified-callback.js';
import { idShape } from '../protocol/field-shapes.js';
import type { CallbackKind } from '../protocol/kinds.js';
import { openStatuses, type PaymentStatus, type Status } from '../protocol/statuses.js';
import type { StatusEffect } from './callback-repository.js';
import type { InquiryClaim, MerchantRepository } from './capabilities.js';
import {
  type Change,
  type Correction,
  type CorrectionOptions,
  checkCorrection,
  correctedRow,
  correctionForm,
  nothingToCorrect,
} from './correction.js';
import { decideUpdate, reviewReasons } from './decide-update.js';
import { checkDate, checkInboxFilter, type InboxFilter } from './inbox-page.js';
import { isFree } from './longest-lease.js';
import { MemoryInbox } from './memory-inbox.js';

interface MemoryRow extends NewRow {
  readonly createdAt: Date;
  readonly modifiedAt: Date;
}

/** A transaction of the {@link MemoryRepository}: the row that it moves. Others see the change when it commits. */
export interface MemoryTransaction {
  readonly kind: CallbackKind;
  readonly row: MemoryRow;
}

/**
 * Keeps everything in the memory of this process: for tests and experiments. It behaves as the PostgreSQL repository
 * does and handles one callback of an id at a time.
 */
export class MemoryRepository implements MerchantRepository<MemoryTransaction> {
  readonly #rows = { payment: new Map<string, MemoryRow>(), payout: new Map<string, MemoryRow>() };
  readonly #busy = new Map<string, Promise<unknown>>();
  readonly #claims = new Map<string, { inquiredAt: number; leasedUntil: number }>();
  readonly #now: () => number;
  readonly #inbox: MemoryInbox;

  /** @param options.clock the time in milliseconds since 1970. Default: `Date.now` */
  constructor(options: { readonly clock?: () => number } = {}) {
    this.#now = options.clock ?? Date.now;
    this.#inbox = new MemoryInbox(this.#now);
  }

  async store(callback: VerifiedCallback, effect?: StatusEffect<MemoryTransaction>): Promise<RecordedUpdate> {
    const { kind, id } = callback;
    // Without an effect this is synchronous: no lock is needed.
    if (effect === undefined && !this.#busy.has(`${kind}:${id}`)) {
      const { update, moved } = this.#decide(callback);
      return this.#commit(callback, update, moved);
    }
    return this.#alone(kind, id, () => this.#storeWith(callback, effect));
  }

  async storeUnlessMovable(callback: VerifiedCallback): Promise<RecordedUpdate | 'movable'> {
    return this.#alone(callback.kind, callback.id, async () => {
      const { update, moved } = this.#decide(callback);
      return moved === undefined ? this.#commit(callback, update, moved) : 'movable';
    });
  }

  /** Runs one task at a time for each payment or payout. */
  async #alone<Result>(kind: CallbackKind, id: string, run: () => Promise<Result>): Promise<Result> {
    const key = `${kind}:${id}`;
    const mine = (this.#busy.get(key) ?? Promise.resolve()).then(run);
    const settled = mine.catch(() => {});
    this.#busy.set(key, settled);
    try {
      return await mine;
    } finally {
      if (this.#busy.get(key) === settled) this.#busy.delete(key);
    }
  }

  async #storeWith(
    callback: VerifiedCallback,
    effect: StatusEffect<MemoryTransaction> | undefined,
  ): Promise<RecordedUpdate> {
    const { update, moved } = this.#decide(callback);
    if (update.outcome === 'applied' && moved !== undefined) {
      await effect?.run(update, { kind: callback.kind, row: moved });
    }
    return this.#commit(callback, update, moved);
  }

  #decide(callback: VerifiedCallback): { readonly update: RecordedUpdate; readonly moved: MemoryRow | undefined } {
    const { kind, id, refno, status } = callback;
    const row = this.#rows[kind].get(id);
    const update = decideUpdate(callback, row, kind === 'payout' && this.#rows.payment.has(id));
    if (update.outcome !== 'applied' || row === undefined) return { update, moved: undefined };
    const { amount, currency, texts, createdAt } = row;
    const modifiedAt = new Date(this.#now());
    const reached = row.reached + status;
    return { update, moved: { id: row.id, refno, status, reached, amount, currency, texts, createdAt, modifiedAt } };
  }

  #commit(callback: VerifiedCallback, update: RecordedUpdate, moved: MemoryRow | undefined): RecordedUpdate {
    if (moved !== undefined) this.#rows[callback.kind].set(moved.id, moved);
    this.#inbox.record(callback, update.outcome, reviewReasons(update));
    return update;
  }

  /** @throws DragonpayError `invalid-details`, `already-exists` */
  async createPayment(details: PaymentDetails): Promise<PaymentRow> {
    return toPayment(this.#create('payment', newPayment(details)));
  }

  /** @throws DragonpayError `invalid-details`, `already-exists` */
  async createPayout(details: PayoutDetails): Promise<PayoutRow> {
    return toPayout(this.#create('payout', newPayout(details)));
  }

  #create(kind: CallbackKind, row: NewRow): MemoryRow {
    if (this.#rows[kind].has(row.id)) throw alreadyExists(kind);
    const now = new Date(this.#now());
    const created = { ...row, createdAt: now, modifiedAt: now };
    this.#rows[kind].set(row.id, created);
    return created;
  }

  async findPayment(txnid: string, options: { trx?: MemoryTransaction } = {}): Promise<PaymentRow | undefined> {
    const row = this.#find('payment', txnid, options.trx);
    return row && toPayment(row);
  }

  async findPayout(merchantTxnId: string, options: { trx?: MemoryTransaction } = {}): Promise<PayoutRow | undefined> {
    const row = this.#find('payout', merchantTxnId, options.trx);
    return row && toPayout(row);
  }

  #find(kind: CallbackKind, id: string, trx: MemoryTransaction | undefined): MemoryRow | undefined {
    return trx?.kind === kind && trx.row.id === id ? trx.row : this.#rows[kind].get(id);
  }

  async claimOpenPayment(options: { readonly olderThan: number; readonly lease: number }) {
    const latest = this.#now() - options.olderThan;
    const [oldest] = [...this.#rows.payment.values()]
      .filter(({ id, status }) => openStatuses.includes(status as PaymentStatus) && this.#isFree(id, options.lease))
      .map((row) => ({
        id: row.id,
        news: Math.max(row.modifiedAt.getTime(), this.#claims.get(row.id)?.inquiredAt ?? 0),
      }))
      .filter(({ news }) => news <= latest)
      .sort((one, other) => one.news - other.news);
    return oldest && this.#claim(oldest.id, options.lease);
  }

  async claimPayment(
    txnid: string,
    { lease }: { readonly lease: number },
  ): Promise<InquiryClaim | 'held' | 'not-found'> {
    if (!this.#rows.payment.has(txnid)) return 'not-found';
    return this.#isFree(txnid, lease) ? this.#claim(txnid, lease) : 'held';
  }

  async finishInquiry({ txnid, lease }: InquiryClaim): Promise<void> {
    if (String(this.#claims.get(txnid)?.leasedUntil) !== lease) return;
    this.#claims.set(txnid, { inquiredAt: this.#now(), leasedUntil: 0 });
  }

  #isFree(txnid: string, lease: number): boolean {
    return isFree(this.#claims.get(txnid)?.leasedUntil, lease, this.#now());
  }

  #claim(txnid: string, lease: number): InquiryClaim {
    const leasedUntil = this.#now() + lease;
    this.#claims.set(txnid, { inquiredAt: this.#claims.get(txnid)?.inquiredAt ?? 0, leasedUntil });
    return { txnid, lease: String(leasedUntil) };
  }

  async correct(id: string, change: Change, options: CorrectionOptions<MemoryTransaction>): Promise<Correction> {
    checkCorrection(change, options);
    const { kind = 'payment' } = options;
    if (!idShape.holds(id)) throw nothingToCorrect(kind);
    return this.#alone(kind, id, () => this.#correct(kind, id, change, options));
  }

  async #correct(
    kind: CallbackKind,
    id: string,
    change: Change,
    options: CorrectionOptions<MemoryTransaction>,
  ): Promise<Correction> {
    const row = this.#rows[kind].get(id);
    if (row === undefined) throw nothingToCorrect(kind);
    const corrected = { ...row, ...correctedRow(row, change), modifiedAt: new Date(this.#now()) };
    const [previous, current] = [row.status as Status, corrected.status as Status];
    if (previous !== current) {
      const update = { outcome: 'applied', previous, current, late: false } as const;
      await options.effect?.run(update, { kind, row: corrected });
    }
    this.#rows[kind].set(id, corrected);
    const { refno, modifiedAt } = corrected;
    const event = { kind, id, refno, status: current, modifiedAt };
    const key = this.#inbox.recordCorrection(event, options.by, correctionForm(row, corrected, options));
    return { previous, current, key };
  }

  async claimEarlyEvent(options: {
    readonly lease: number;
    readonly kinds: readonly CallbackKind[];
  }): Promise<EventKey | undefined> {
    return this.#inbox.claimEarly(options.lease, options.kinds, (kind, id) => this.#rows[kind].has(id));
  }

  async findEvent(key: EventKey): Promise<KeptEvent | undefined> {
    return this.#inbox.find(key);
  }

  async recordFailure(callback: VerifiedCallback): Promise<void> {
    this.#inbox.record(callback, 'failed', []);
  }

  /** Reads a page of the inbox, the oldest events first. Proofs are redacted. */
  async callbacks(filter: InboxFilter = {}): Promise<InboxEvent[]> {
    checkInboxFilter(filter);
    return this.#inbox.page(filter);
  }

  /** Deletes the events that were last seen before a time. Resolves to their number. */
  async pruneCallbacks(before: Date): Promise<number> {
    checkDate('before', before);
    return this.#inbox.prune(before);
  }
}

function toPayment({ id, texts, reached, ...row }: MemoryRow): PaymentRow {
  return { txnid: id, ...row, reached: [...reached] as Status[], ...texts } as unknown as PaymentRow;
}

function toPayout({ id, texts, reached, ...row }: MemoryRow): PayoutRow {
  return { merchantTxnId: id, ...row, reached: [...reached] as Status[], ...texts } as unknown as PayoutRow;
}
