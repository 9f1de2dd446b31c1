import type { RecordedUpdate } from '../model/callback-update.js';
import { isSameEvent, moreExactFingerprint, unknownFingerprint } from '../model/fingerprint.js';
import { alreadyExists, type NewRow, newPayment, newPayout } from '../model/new-row.js';
import type {
  EventKey,
  InboxEvent,
  KeptEvent,
  KeptOutcome,
  PaymentDetails,
  PaymentRow,
  PayoutDetails,
  PayoutRow,
  ReviewReason,
} from '../model/rows.js';
import type { VerifiedCallback } from '../model/verified-callback.js';
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
import { deliveredForm, withForm } from './delivered-forms.js';
import { toEventKey } from './event-key.js';
import {
  checkDate,
  checkInboxFilter,
  compareInInbox,
  defaultInboxLimit,
  type InboxFilter,
  toCursor,
} from './inbox-page.js';
import { longestLease } from './longest-lease.js';
import { redactProofs } from './redact-proofs.js';

interface MemoryRow extends NewRow {
  readonly createdAt: Date;
  readonly modifiedAt: Date;
}

/** An event of the inbox. Its key and its cursor are computed when it is read. */
interface MemoryEvent extends Omit<InboxEvent, 'cursor' | 'key'> {
  /** Stays the same when the fingerprint becomes more exact. */
  readonly place: string;
  readonly correction: number;
  readonly fingerprint: string;
  readonly forms: string | null;
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
  /** The events by their places. */
  readonly #inbox = new Map<string, MemoryEvent>();
  /** The places of the events of each kind, id, refno and status. */
  readonly #places = new Map<string, Set<string>>();
  readonly #busy = new Map<string, Promise<unknown>>();
  readonly #claims = new Map<string, { inquiredAt: number; leasedUntil: number }>();
  /** When the claims of early events end, by the places of the events. */
  readonly #earlyClaims = new Map<string, number>();
  readonly #now: () => number;

  /** @param options.clock the time in milliseconds since 1970. Default: `Date.now` */
  constructor(options: { readonly clock?: () => number } = {}) {
    this.#now = options.clock ?? Date.now;
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

  /** Runs one at a time for each payment or payout. */
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
    this.#record(callback, update.outcome, reviewReasons(update));
    return update;
  }

  #record(callback: VerifiedCallback, outcome: KeptOutcome, reasons: readonly ReviewReason[]): void {
    const { kind, id, refno, status, fingerprint, proof, method } = callback;
    const earlier = this.#findEvent(callback);
    const place = earlier?.place ?? toEventKey(callback);
    const now = new Date(this.#now());
    const news = {
      kind,
      id,
      refno,
      status,
      place,
      correction: 0,
      fingerprint,
      firstSeen: now,
      lastSeen: now,
      deliveries: callback.copies ?? 1,
      reasons,
      outcome,
      proof: proof.algorithm,
      keyId: proof.keyId,
      method: method ?? null,
      raw: callback.raw(),
      forms: deliveredForm(callback, outcome),
    };
    this.#put(earlier === undefined ? news : merged(earlier, news));
  }

  #put(event: MemoryEvent): void {
    const name = nameOf(event);
    this.#inbox.set(event.place, event);
    this.#places.set(name, (this.#places.get(name) ?? new Set()).add(event.place));
  }

  /** Finds the same event, or else the oldest event with a matching fingerprint. */
  #findEvent({ fingerprint = unknownFingerprint, ...name }: EventKey): MemoryEvent | undefined {
    const alike = [...(this.#places.get(nameOf(name)) ?? [])]
      .map((place) => this.#inbox.get(place) as MemoryEvent)
      .filter((event) => event.correction === 0 && isSameEvent(event.fingerprint, fingerprint));
    return alike.find((event) => event.fingerprint === fingerprint) ?? alike[0];
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
      .filter(
        ({ id, status }) =>
          openStatuses.includes(status as PaymentStatus) &&
          this.#isFree(this.#claims.get(id)?.leasedUntil, options.lease),
      )
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
    return this.#isFree(this.#claims.get(txnid)?.leasedUntil, lease) ? this.#claim(txnid, lease) : 'held';
  }

  async finishInquiry({ txnid, lease }: InquiryClaim): Promise<void> {
    if (String(this.#claims.get(txnid)?.leasedUntil) !== lease) return;
    this.#claims.set(txnid, { inquiredAt: this.#now(), leasedUntil: 0 });
  }

  #isFree(until: number | undefined, lease: number): boolean {
    const now = this.#now();
    return until === undefined || until <= now || until > now + longestLease(lease);
  }

  #claim(txnid: string, lease: number): InquiryClaim {
    const leasedUntil = this.#now() + lease;
    this.#claims.set(txnid, { inquiredAt: this.#claims.get(txnid)?.inquiredAt ?? 0, leasedUntil });
    return { txnid, lease: String(leasedUntil) };
  }

  async claimEarlyEvent({
    lease,
    kinds,
  }: {
    readonly lease: number;
    readonly kinds: readonly CallbackKind[];
  }): Promise<EventKey | undefined> {
    const free = [...this.#inbox.values()]
      .filter(({ outcome, reasons }) => ['not-found', 'failed'].includes(outcome) && reasons.includes('not-found'))
      .filter(({ kind, id }) => kinds.includes(kind) && this.#rows[kind].has(id))
      .sort((one, other) => one.firstSeen.getTime() - other.firstSeen.getTime());
    const isFirst = ({ kind, id, place }: MemoryEvent) =>
      place === free.find((other) => other.kind === kind && other.id === id && other.outcome === 'not-found')?.place;
    const early = free.find(
      (event) =>
        this.#isFree(this.#earlyClaims.get(event.place), lease) && (event.outcome === 'failed' || isFirst(event)),
    );
    if (early === undefined) return undefined;
    this.#earlyClaims.set(early.place, this.#now() + lease);
    const { kind, id, refno, status, fingerprint } = early;
    return { kind, id, refno, status, fingerprint };
  }

  async correct(id: string, change: Change, options: CorrectionOptions<MemoryTransaction>): Promise<Correction> {
    checkCorrection(change, options);
    const { kind = 'payment' } = options;
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
    const now = new Date(this.#now());
    const corrected = { ...row, ...correctedRow(row, change), modifiedAt: now };
    const [previous, current] = [row.status as Status, corrected.status as Status];
    if (previous !== current) {
      const update = { outcome: 'applied', previous, current, late: false } as const;
      await options.effect?.run(update, { kind, row: corrected });
    }
    this.#rows[kind].set(id, corrected);
    const earlier = [...this.#inbox.values()].filter((event) => event.kind === kind && event.id === id);
    const correction = 1 + earlier.filter(({ proof }) => proof === 'manual').length;
    const name = { kind, id, refno: corrected.refno ?? '', status: current };
    const key = toEventKey(name, correction);
    this.#put({
      ...name,
      place: key,
      correction,
      fingerprint: unknownFingerprint,
      firstSeen: now,
      lastSeen: now,
      deliveries: 1,
      outcome: 'applied',
      reasons: ['corrected'],
      proof: 'manual',
      keyId: options.by,
      method: null,
      raw: correctionForm(row, corrected, options),
      forms: null,
    });
    return { previous, current, key };
  }

  async findEvent(key: EventKey): Promise<KeptEvent | undefined> {
    return this.#findEvent(key);
  }

  async recordFailure(callback: VerifiedCallback): Promise<void> {
    this.#record(callback, 'failed', []);
  }

  /** Reads a page of the inbox, the oldest events first. Proofs are redacted. */
  async callbacks(filter: InboxFilter = {}): Promise<InboxEvent[]> {
    checkInboxFilter(filter);
    const { after } = filter;
    return [...this.#inbox.values()]
      .map(toInboxEvent)
      .filter((event) => matches(event, filter) && (after === undefined || compareInInbox(event.cursor, after) > 0))
      .sort((one, other) => compareInInbox(one.cursor, other.cursor))
      .slice(0, filter.limit ?? defaultInboxLimit)
      .map((event) => ({ ...event, raw: redactProofs(event.raw) }));
  }

  /** Deletes the events that were last seen before a time. Resolves to their number. */
  async pruneCallbacks(before: Date): Promise<number> {
    checkDate('before', before);
    const old = [...this.#inbox].filter(([, { lastSeen }]) => lastSeen < before);
    for (const [place, event] of old) {
      this.#inbox.delete(place);
      this.#earlyClaims.delete(place);
      const places = this.#places.get(nameOf(event));
      places?.delete(place);
      if (places?.size === 0) this.#places.delete(nameOf(event));
    }
    return old.length;
  }
}

function matches(event: InboxEvent, filter: InboxFilter): boolean {
  const { txnid, merchantTxnId, outcome, reason, since } = filter;
  const kind = txnid !== undefined ? 'payment' : merchantTxnId !== undefined ? 'payout' : event.kind;
  return (
    event.kind === kind &&
    event.id === (txnid ?? merchantTxnId ?? event.id) &&
    event.outcome === (outcome ?? event.outcome) &&
    (reason === undefined || event.reasons.includes(reason)) &&
    (since === undefined || event.firstSeen >= since)
  );
}

/**
 * Merges an event into the same event. An applied event stays applied and keeps the form that it was applied from. An
 * event that is still to be applied keeps its outcome and its form if the new delivery does not fit.
 */
function merged(earlier: MemoryEvent, news: MemoryEvent): MemoryEvent {
  const isWaiting = ['not-found', 'failed'].includes(earlier.outcome) && news.forms !== null;
  const { outcome, proof, keyId, method, raw } = earlier.outcome === 'applied' || isWaiting ? earlier : news;
  return {
    ...news,
    fingerprint: moreExactFingerprint(earlier.fingerprint, news.fingerprint),
    firstSeen: earlier.firstSeen,
    deliveries: earlier.deliveries + news.deliveries,
    reasons: [...new Set([...earlier.reasons, ...news.reasons])],
    outcome,
    proof,
    keyId,
    method,
    raw,
    forms: outcome === 'applied' ? null : withForm(earlier.forms, news.forms),
  };
}

function toInboxEvent({ place: _, correction, fingerprint, forms: __, ...event }: MemoryEvent): InboxEvent {
  const firstSeen = String(event.firstSeen.getTime() * 1000);
  return {
    ...event,
    key: toEventKey({ ...event, fingerprint }, correction),
    cursor: toCursor({ ...event, firstSeen, correction, fingerprint }),
  };
}

function nameOf({ kind, id, refno, status }: EventKey): string {
  return toEventKey({ kind, id, refno, status });
}

function toPayment({ id, texts, reached, ...row }: MemoryRow): PaymentRow {
  return { txnid: id, ...row, reached: [...reached] as Status[], ...texts } as unknown as PaymentRow;
}

function toPayout({ id, texts, reached, ...row }: MemoryRow): PayoutRow {
  return { merchantTxnId: id, ...row, reached: [...reached] as Status[], ...texts } as unknown as PayoutRow;
}
