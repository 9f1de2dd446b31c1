import type { CallbackKind, Status } from '../preprocessing/transaction-status.js';
import type { VerifiedCallback } from '../verification/verified-callback.js';
import type { CallbackRepository, StatusEffect } from './callback-repository.js';
import type { RecordedUpdate } from './callback-update.js';
import { decideUpdate, reviewReasons } from './decide-update.js';
import { alreadyExists, type NewRow, newPayout, newTransaction } from './new-row.js';
import { redactProofs } from './redact-proofs.js';
import type { InboxEvent, PayoutDetails, PayoutRow, TransactionDetails, TransactionRow } from './rows.js';

interface MemoryRow extends NewRow {
  readonly createdAt: Date;
  readonly modifiedAt: Date;
}

/** A transaction of the {@link MemoryRepository}: the one row that it moves, unseen by others until it commits. */
export interface MemoryTransaction {
  readonly kind: CallbackKind;
  readonly row: MemoryRow;
}

/**
 * Keeps everything in this process and loses it with it: for tests, and for trying things out. Means the same as the
 * PostgreSQL repository, one callback of an id at a time.
 */
export class MemoryRepository implements CallbackRepository<MemoryTransaction> {
  readonly #rows = { payment: new Map<string, MemoryRow>(), payout: new Map<string, MemoryRow>() };
  readonly #inbox = new Map<string, InboxEvent>();
  readonly #busy = new Map<string, Promise<unknown>>();
  readonly #now: () => number;

  /** @param options.clock the time in milliseconds; `Date.now` when not given. */
  constructor(options: { readonly clock?: () => number } = {}) {
    this.#now = options.clock ?? Date.now;
  }

  async store(callback: VerifiedCallback, effect?: StatusEffect<MemoryTransaction>): Promise<RecordedUpdate> {
    const key = `${callback.kind}:${callback.id}`;
    const mine = (this.#busy.get(key) ?? Promise.resolve()).then(() => this.#store(callback, effect));
    const settled = mine.catch(() => {});
    this.#busy.set(key, settled);
    try {
      return await mine;
    } finally {
      if (this.#busy.get(key) === settled) this.#busy.delete(key);
    }
  }

  async #store(callback: VerifiedCallback, effect?: StatusEffect<MemoryTransaction>): Promise<RecordedUpdate> {
    const { kind, id, refno, status } = callback;
    const rows = this.#rows[kind];
    const row = rows.get(id);
    const update = decideUpdate(callback, row, this.#rows.payment.has(id));
    if (update.outcome === 'applied' && row !== undefined) {
      const moved = { ...row, status, reached: row.reached + status, refno, modifiedAt: new Date(this.#now()) };
      await effect?.run(update, { kind, row: moved });
      rows.set(id, moved);
    }
    this.#remember(callback, update);
    return update;
  }

  #remember(callback: VerifiedCallback, update: RecordedUpdate): void {
    const { kind, id, refno, status, proof, method } = callback;
    const key = [kind, id, refno, status].join(':');
    const earlier = this.#inbox.get(key);
    const lastSeen = new Date(this.#now());
    const received = { proof: proof.algorithm, keyId: proof.keyId, method, raw: redactProofs(callback.raw()) };
    this.#inbox.set(key, {
      kind,
      id,
      refno,
      status,
      firstSeen: earlier?.firstSeen ?? lastSeen,
      lastSeen,
      deliveries: (earlier?.deliveries ?? 0) + 1,
      reasons: [...new Set([...(earlier?.reasons ?? []), ...reviewReasons(update)])],
      // What was applied stays applied, and what it was applied from stays with it.
      outcome: update.outcome,
      ...received,
      ...(earlier?.outcome === 'applied' && pickReceived(earlier)),
    });
  }

  /** @throws DragonpayError `invalid-details`, `already-exists` */
  async createTransaction(details: TransactionDetails): Promise<TransactionRow> {
    return toTransaction(this.#create('payment', newTransaction(details)));
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

  async findTransaction(txnid: string, options: { trx?: MemoryTransaction } = {}): Promise<TransactionRow | undefined> {
    const row = this.#find('payment', txnid, options.trx);
    return row && toTransaction(row);
  }

  async findPayout(merchantTxnId: string, options: { trx?: MemoryTransaction } = {}): Promise<PayoutRow | undefined> {
    const row = this.#find('payout', merchantTxnId, options.trx);
    return row && toPayout(row);
  }

  #find(kind: CallbackKind, id: string, trx: MemoryTransaction | undefined): MemoryRow | undefined {
    return trx?.kind === kind && trx.row.id === id ? trx.row : this.#rows[kind].get(id);
  }

  /** The events of the inbox, the oldest first: all of them, or those of one payment or payout. */
  async callbacks(filter: { readonly txnid?: string; readonly merchantTxnId?: string } = {}): Promise<InboxEvent[]> {
    return [...this.#inbox.values()].filter(({ kind, id }) => {
      if (filter.txnid !== undefined) return kind === 'payment' && id === filter.txnid;
      if (filter.merchantTxnId !== undefined) return kind === 'payout' && id === filter.merchantTxnId;
      return true;
    });
  }
}

function pickReceived({ outcome, proof, keyId, method, raw }: InboxEvent) {
  return { outcome, proof, keyId, method, raw };
}

function toTransaction({ id, texts, reached, ...row }: MemoryRow): TransactionRow {
  return { txnid: id, ...row, reached: [...reached] as Status[], ...texts } as unknown as TransactionRow;
}

function toPayout({ id, texts, reached, ...row }: MemoryRow): PayoutRow {
  return { merchantTxnId: id, ...row, reached: [...reached] as Status[], ...texts } as unknown as PayoutRow;
}
