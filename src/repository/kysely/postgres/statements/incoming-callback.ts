import type { Mismatch } from '../../../../model/callback-update.js';
import type { CallbackKind } from '../../../../protocol/kinds.js';
import { initialStatus, isStatus, latePredecessors, predecessors } from '../../../../protocol/statuses.js';
import type { Move } from '../../dialect.js';
import { inboxProtected, rowProtected } from '../../row-protected.js';
import type { QuotedTables } from '../../table-names.js';

/**
 * Columns of `incoming`. Each is a parameter: for many callbacks an array with one element for each. `enterable_from`
 * and `late_from` are data of the status machine; `enterable_from` is null for an unknown letter.
 */
export const incomingColumns = [
  'id',
  'refno',
  'status',
  'enterable_from',
  'late_from',
  'amount',
  'currency',
  'proof',
  'key_id',
  'method',
  'raw',
  'copies',
  'fingerprint',
  'held',
  'origin',
] as const;

/** How many of the columns the statement for news uses, from the first one on. */
export const newsColumns = incomingColumns.indexOf('held');

/** The values of one callback, in the order of {@link incomingColumns}. */
export function incomingOf({ callback, held }: Move): (string | null)[] {
  const { kind, status } = callback;
  return [
    callback.id,
    callback.refno,
    status,
    isStatus(kind, status) ? predecessors(kind, status) : null,
    latePredecessors(kind, status),
    callback.amount ?? null,
    callback.currency ?? null,
    callback.proof.algorithm,
    callback.proof.keyId,
    callback.method ?? null,
    callback.raw(),
    String(callback.copies ?? 1),
    callback.fingerprint,
    held ? 'held' : null,
    callback.origin,
  ];
}

export type IncomingColumn = (typeof incomingColumns)[number];

/** The columns of a row, as a statement names them. */
export interface RowColumns {
  readonly id: string;
  readonly refno: string;
  readonly amount: string;
  readonly currency: string;
}

/**
 * The values that make a mismatch, with the condition for each.
 * @param value a column of `incoming`
 */
export function differencesOf(
  kind: CallbackKind,
  { transactions }: QuotedTables,
  row: RowColumns,
  value: (name: IncomingColumn) => string,
): Readonly<Record<Mismatch, string>> {
  const differs = `${value('refno')} <> ${row.refno}`;
  // See `mayBeRenamedPayment` in decide-update.ts.
  const isRenamed = `${row.id} is not null and ${row.refno} is null
      and exists (select from ${transactions} p where p.txnid = ${value('id')})`;
  return {
    amount: `${value('amount')}::numeric <> ${row.amount}`,
    currency: `${value('currency')} <> ${row.currency}`,
    refno: kind === 'payment' ? differs : `${differs} or (${isRenamed})`,
  };
}

/** SQL: whether a row may move to the status of a callback. Null for a letter that is not a status. */
export function maySettle(row: { previous: string; reached: string }, value: (name: IncomingColumn) => string): string {
  const status = value('status');
  return `(strpos(${row.reached}, ${status}) = 0 and case when ${row.previous} = ${status} then ${status} = '${initialStatus}'
      else strpos(${value('enterable_from')}, ${row.previous}) > 0 end)`;
}

/** Whether the row of an UPDATE has the values that were written. Fails the statement if it has others. */
export function holds(value: (name: IncomingColumn) => string): string {
  return `case
    when t.status::text = ${value('status')} and t.reached like '%' || ${value('status')} and t.refno = ${value('refno')} then true
    else ${failing(otherValues, 't.status')}
  end`;
}

/**
 * A value, if `remembered` has recorded the event of an id. Fails the statement if it has not.
 * @param column see {@link failing}
 */
export function ifRecorded(value: string, id: string, column: string): string {
  return `case when ${id} in (select id from remembered) then ${value} else ${failing(unrecorded, column)}::text end`;
}

/** What the error of a failed statement shows. */
const otherValues = 'dragonpay-other-values-';
const unrecorded = 'dragonpay-unrecorded-';

/**
 * SQL that fails its statement where it is evaluated: the cast of a text to a boolean.
 * @param column part of the text, because PostgreSQL would evaluate a constant or a parameter when it plans. The error
 *   shows it, so it must not be a value of the payer
 */
function failing(text: string, column: string): string {
  return `('${text}' || ${column})::boolean`;
}

/**
 * Recognizes that a trigger let a row move, but not to the values that were written, or that it kept an event from being
 * recorded.
 */
export function asProtected(kind: CallbackKind, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || error.code !== '22P02') return error;
  if (error.message.includes(unrecorded)) return inboxProtected();
  return error.message.includes(otherValues) ? rowProtected(kind) : error;
}
