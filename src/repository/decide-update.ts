import type { Mismatch, RecordedUpdate } from '../model/callback-update.js';
import type { ReviewReason } from '../model/rows.js';
import type { VerifiedCallback } from '../model/verified-callback.js';
import type { CallbackKind } from '../protocol/kinds.js';
import { decideMove, isLate, isStatus, type Status } from '../protocol/statuses.js';

/** The values of a row that a decision reads. */
export interface MovableRow {
  readonly status: string;
  /** The statuses that callbacks have brought, as letters. */
  readonly reached: string;
  readonly refno: string | null;
  /** Decimal string with two decimals. */
  readonly amount: string;
  readonly currency: string;
}

/** A row for the decision. Its `reached` is a string of letters, as in a database, or an array, as in `PaymentRow`. */
export type DecidableRow = Omit<MovableRow, 'reached'> & Readonly<Record<'reached', string | readonly string[]>>;

/**
 * Decides what a verified callback does to a row: the first outcome of `RecordedUpdate` that fits. The statement of the
 * PostgreSQL repository makes the same decision in SQL, and the conformance suite tests both.
 * @param idIsShared for a payout: whether a payment has the same id
 */
export function decideUpdate(
  callback: VerifiedCallback,
  row: DecidableRow | undefined,
  idIsShared: boolean,
): RecordedUpdate {
  const { kind, status } = callback;
  if (!isStatus(kind, status)) return { outcome: 'unrecognized' };
  if (row === undefined) return { outcome: 'not-found' };
  const current = row.status as Status;
  const differs = differences(callback, row, idIsShared);
  if (differs.length > 0) return { outcome: 'mismatch', current, differs };
  const move = decideMove(kind, row, status);
  if (move !== 'applied') return { outcome: move, current };
  return { outcome: 'applied', previous: current, current: status, late: isLate(kind, current, status) };
}

function differences(callback: VerifiedCallback, row: DecidableRow, idIsShared: boolean): Mismatch[] {
  const differs: Mismatch[] = [];
  if (callback.amount !== undefined && callback.amount !== row.amount) differs.push('amount');
  if (callback.currency !== undefined && callback.currency !== row.currency) differs.push('currency');
  if (row.refno === null ? mayBeRenamedPayment(callback.kind, idIsShared) : row.refno !== callback.refno) {
    differs.push('refno');
  }
  return differs;
}

/**
 * The digests of payments and payouts are computed the same way: if the `txnid` of a payment's callback is renamed to
 * `merchantTxnId`, it is a valid callback of a payout. Only the refno tells them apart. Therefore a payout without a
 * refno accepts no callback if a payment has the same id.
 */
function mayBeRenamedPayment(kind: CallbackKind, idIsShared: boolean): boolean {
  return kind === 'payout' && idIsShared;
}

/** Why somebody should review an update. */
export function reviewReasons(update: RecordedUpdate): ReviewReason[] {
  switch (update.outcome) {
    case 'mismatch':
      return [...update.differs];
    case 'stale':
    case 'not-found':
    case 'unrecognized':
      return [update.outcome];
    case 'applied':
      return update.late ? ['late'] : [];
    case 'duplicate':
      return [];
  }
}
