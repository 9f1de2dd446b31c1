import type { Mismatch, RecordedUpdate } from '../model/callback-update.js';
import type { ReviewReason } from '../model/rows.js';
import type { VerifiedCallback } from '../model/verified-callback.js';
import type { CallbackKind } from '../protocol/kinds.js';
import { decideMove, isLate, isStatus, type Status } from '../protocol/statuses.js';

/** What a decision needs of a row. */
export interface MovableRow {
  readonly status: string;
  /** The statuses that callbacks have brought, as letters. */
  readonly reached: string;
  readonly refno: string | null;
  /** Decimal string with two decimals. */
  readonly amount: string;
  readonly currency: string;
}

/**
 * Decides what a verified callback does to a row, in the order of the outcomes' table. The one statement of the
 * PostgreSQL repository says the same in SQL; one suite holds both to it.
 * @param idIsShared for a payout: whether a payment has the same id
 */
export function decideUpdate(
  callback: VerifiedCallback,
  row: MovableRow | undefined,
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

function differences(callback: VerifiedCallback, row: MovableRow, idIsShared: boolean): Mismatch[] {
  const differs: Mismatch[] = [];
  if (callback.amount !== undefined && callback.amount !== row.amount) differs.push('amount');
  if (callback.currency !== undefined && callback.currency !== row.currency) differs.push('currency');
  if (row.refno === null ? mayBeRenamedPayment(callback.kind, idIsShared) : row.refno !== callback.refno) {
    differs.push('refno');
  }
  return differs;
}

/**
 * The digests of payments and payouts are made alike: renaming `txnid` to `merchantTxnId` turns the one into the
 * other. Only the refno tells them apart; a payout without one, whose id is also a payment's, believes no callback.
 */
function mayBeRenamedPayment(kind: CallbackKind, idIsShared: boolean): boolean {
  return kind === 'payout' && idIsShared;
}

/** Why an update wants a second look. */
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
