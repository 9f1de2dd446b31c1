import type { NewRow } from '../../model/new-row.js';
import type { InboxEvent, PaymentRow, PayoutRow } from '../../model/rows.js';
import { idShape } from '../../protocol/field-shapes.js';
import type { CallbackKind } from '../../protocol/kinds.js';
import { toEventKey } from '../event-key.js';
import { toCursor } from '../inbox-page.js';
import { redactProofs } from '../redact-proofs.js';
import { camelCase, schema, tableOfKind } from './schema.js';

/**
 * The values of a new row, in the order of its columns. `times`: the values of columns that the database does not set
 * by itself.
 */
export function valuesOf(
  { texts, ...row }: NewRow,
  columns: readonly string[],
  times: Readonly<Record<string, unknown>> = {},
): unknown[] {
  const values: Readonly<Record<string, unknown>> = {
    ...texts,
    ...row,
    ...times,
    txnid: row.id,
    merchantTxnId: row.id,
  };
  return columns.map((column) => values[camelCase(column)]);
}

/** A row as the statements of the dialects read it, by the names of its fields. Times are microseconds since 1970. */
export function toRow(kind: CallbackKind, stored: Readonly<Record<string, unknown>>): PaymentRow | PayoutRow {
  const row: Record<string, unknown> = {};
  for (const [column, use] of Object.entries(schema[tableOfKind[kind]].columns)) {
    const name = camelCase(column);
    if (use !== 'internal') row[name] = use === 'time' ? toDate(stored[name]) : stored[name];
  }
  return { ...row, reached: [...String(row.reached)] } as unknown as PaymentRow | PayoutRow;
}

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

/** Makes a date from microseconds since 1970, which drivers read as different types. */
function toDate(microseconds: unknown): Date {
  return new Date(Math.floor(Number(microseconds) / 1000));
}

/**
 * Whether there can be a row with this id. Values of other types must not reach a driver: MariaDB compares a text with
 * a number as numbers, and its driver makes SQL of arrays and objects.
 */
export const isId = (id: unknown): boolean => idShape.holds(id);

/** Whether every database takes a value as text. PostgreSQL refuses a NUL. */
export function isStorable(text: unknown): boolean {
  return typeof text === 'string' && !text.includes('\0');
}
