import type { InboxEvent } from '../../model/rows.js';
import { toEventKey } from '../event-key.js';
import { toCursor } from '../inbox-page.js';
import { redactProofs } from '../redact-proofs.js';

/** An event as the statements of the dialects read it. Times are microseconds since 1970. */
export interface StoredEvent extends Record<string, unknown> {
  readonly first: string;
  readonly last: string;
  readonly deliveries: string | number | bigint;
  readonly reasons: string;
  readonly correction: string | number | bigint;
  readonly fingerprint: string;
  readonly key_id: string;
  readonly raw: string;
}

/** @param toReasons reads the reasons, which each dialect stores in its own way */
export function toInboxEvent(row: StoredEvent, toReasons: (reasons: string) => readonly string[]): InboxEvent {
  const { first, last, deliveries, correction, fingerprint, reasons, key_id, raw, ...event } = row;
  const { kind, id, refno, status } = event as unknown as InboxEvent;
  const name = { kind, id, refno, status, fingerprint };
  return {
    ...event,
    key: toEventKey(name, Number(correction)),
    cursor: toCursor({ ...name, firstSeen: first, correction: Number(correction) }),
    firstSeen: toDate(first),
    lastSeen: toDate(last),
    deliveries: Number(deliveries),
    reasons: toReasons(reasons),
    keyId: key_id,
    raw: redactProofs(raw),
  } as unknown as InboxEvent;
}

/** Reasons that are separated by commas. */
export function splitReasons(reasons: string): readonly string[] {
  return reasons === '' ? [] : reasons.split(',');
}

/** From microseconds since 1970, in whatever type the driver reads them. */
export function toDate(microseconds: unknown): Date {
  return new Date(Math.floor(Number(microseconds) / 1000));
}
