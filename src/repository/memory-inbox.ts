import { isSameEvent, moreExactFingerprint, unknownFingerprint } from '../model/fingerprint.js';
import type { EventKey, InboxEvent, KeptOutcome, ReviewReason } from '../model/rows.js';
import type { VerifiedCallback } from '../model/verified-callback.js';
import type { CallbackKind } from '../protocol/kinds.js';
import type { Status } from '../protocol/statuses.js';
import { deliveredForm, withForm } from './delivered-forms.js';
import { toEventKey } from './event-key.js';
import { compareInInbox, defaultInboxLimit, type InboxFilter, toCursor } from './inbox-page.js';
import { isFree } from './longest-lease.js';
import { redactProofs } from './redact-proofs.js';

/** An event of the inbox. Its key and its cursor are computed when it is read. */
interface MemoryEvent extends Omit<InboxEvent, 'cursor' | 'key'> {
  /** The place of the event. It stays the same when the fingerprint becomes more exact. */
  readonly place: string;
  readonly correction: number;
  readonly fingerprint: string;
  readonly forms: string | null;
}

/** The parts of a correction by hand that the inbox records. */
interface CorrectedRow {
  readonly kind: CallbackKind;
  readonly id: string;
  readonly refno: string | null;
  readonly status: Status;
  readonly modifiedAt: Date;
}

/** The inbox of a {@link MemoryRepository}. */
export class MemoryInbox {
  /** The events by their places. */
  readonly #events = new Map<string, MemoryEvent>();
  /** The places of the events of each kind, id, refno and status. */
  readonly #places = new Map<string, Set<string>>();
  /** When the claims of early events end, by the places of the events. */
  readonly #earlyClaims = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  record(callback: VerifiedCallback, outcome: KeptOutcome, reasons: readonly ReviewReason[]): void {
    const { kind, id, refno, status, fingerprint, proof, method } = callback;
    const earlier = this.find(callback);
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

  /** Records a correction. Returns the key of its event. */
  recordCorrection({ refno, modifiedAt, ...corrected }: CorrectedRow, by: string, raw: string): string {
    const { kind, id } = corrected;
    const earlier = [...this.#events.values()].filter((event) => event.kind === kind && event.id === id);
    const correction = 1 + earlier.filter(({ proof }) => proof === 'manual').length;
    const name = { ...corrected, refno: refno ?? '' };
    const key = toEventKey(name, correction);
    this.#put({
      ...name,
      place: key,
      correction,
      fingerprint: unknownFingerprint,
      firstSeen: modifiedAt,
      lastSeen: modifiedAt,
      deliveries: 1,
      outcome: 'applied',
      reasons: ['corrected'],
      proof: 'manual',
      keyId: by,
      method: null,
      raw,
      forms: null,
    });
    return key;
  }

  #put(event: MemoryEvent): void {
    const name = nameOf(event);
    this.#events.set(event.place, event);
    this.#places.set(name, (this.#places.get(name) ?? new Set()).add(event.place));
  }

  /** Finds the same event, or else the oldest event with a matching fingerprint. */
  find({ fingerprint = unknownFingerprint, ...name }: EventKey): MemoryEvent | undefined {
    const alike = [...(this.#places.get(nameOf(name)) ?? [])]
      .map((place) => this.#events.get(place) as MemoryEvent)
      .filter((event) => event.correction === 0 && isSameEvent(event.fingerprint, fingerprint));
    return alike.find((event) => event.fingerprint === fingerprint) ?? alike[0];
  }

  /**
   * Claims the oldest event that came before its row, if the row exists now.
   * @param hasRow whether a row exists
   */
  claimEarly(
    lease: number,
    kinds: readonly CallbackKind[],
    hasRow: (kind: CallbackKind, id: string) => boolean,
  ): EventKey | undefined {
    const now = this.#now();
    const free = [...this.#events.values()]
      .filter(({ outcome, reasons }) => ['not-found', 'failed'].includes(outcome) && reasons.includes('not-found'))
      .filter(({ kind, id }) => kinds.includes(kind) && hasRow(kind, id))
      .sort((one, other) => one.firstSeen.getTime() - other.firstSeen.getTime());
    const isFirst = ({ kind, id, place }: MemoryEvent) =>
      place === free.find((other) => other.kind === kind && other.id === id && other.outcome === 'not-found')?.place;
    const early = free.find(
      (event) =>
        isFree(this.#earlyClaims.get(event.place), lease, now) && (event.outcome === 'failed' || isFirst(event)),
    );
    if (early === undefined) return undefined;
    this.#earlyClaims.set(early.place, now + lease);
    const { kind, id, refno, status, fingerprint } = early;
    return { kind, id, refno, status, fingerprint };
  }

  /** Reads a page, the oldest events first. Proofs are redacted. */
  page(filter: InboxFilter): InboxEvent[] {
    const { after } = filter;
    return [...this.#events.values()]
      .map(toInboxEvent)
      .filter((event) => matches(event, filter) && (after === undefined || compareInInbox(event.cursor, after) > 0))
      .sort((one, other) => compareInInbox(one.cursor, other.cursor))
      .slice(0, filter.limit ?? defaultInboxLimit)
      .map((event) => ({ ...event, raw: redactProofs(event.raw) }));
  }

  /** Deletes the events that were last seen before a time. Returns their number. */
  prune(before: Date): number {
    const old = [...this.#events].filter(([, { lastSeen }]) => lastSeen < before);
    for (const [place, event] of old) {
      this.#events.delete(place);
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
    lastSeen: earlier.lastSeen > news.lastSeen ? earlier.lastSeen : news.lastSeen,
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
