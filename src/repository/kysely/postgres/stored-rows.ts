import type { PaymentRow, PayoutRow } from '../../../model/rows.js';

/** A payment or payout as the statements select it: all text, whatever type parsers the pool has. */
export interface StoredRow extends Record<string, string | null> {
  readonly id: string;
  readonly reached: string;
  readonly created: string;
  readonly modified: string;
}

export function toPayment({ id, reached, created, modified, ...row }: StoredRow): PaymentRow {
  return { txnid: id, ...row, ...parsed(reached, created, modified) } as unknown as PaymentRow;
}

export function toPayout({ id, reached, created, modified, ...row }: StoredRow): PayoutRow {
  return { merchantTxnId: id, ...row, ...parsed(reached, created, modified) } as unknown as PayoutRow;
}

function parsed(reached: string, created: string, modified: string) {
  return { reached: [...reached], createdAt: toDate(created), modifiedAt: toDate(modified) };
}

/** From microseconds since 1970, as text. */
export function toDate(microseconds: string): Date {
  return new Date(Math.floor(Number(microseconds) / 1000));
}

/** A timestamp column as microseconds since 1970, as text. */
export function inMicroseconds(column: string): string {
  return `(extract(epoch from ${column}) * 1000000)::bigint::text`;
}
