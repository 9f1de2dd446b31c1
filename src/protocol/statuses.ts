/**
 * The statuses of payments and payouts and what may follow what, as data. The SQL and the in-memory repository are
 * both driven by this table. Source: Dragonpay's status codes, and the rule that a settled payment never goes back.
 */

import type { CallbackKind } from './kinds.js';

/** The status letters of payments. */
export const paymentStatuses = {
  S: 'success',
  F: 'failure',
  P: 'pending',
  U: 'unknown',
  R: 'refund',
  K: 'chargeback',
  V: 'void',
  A: 'authorized',
  E: 'expired',
} as const;

/** The status letters of payouts. */
export const payoutStatuses = {
  S: 'completed',
  F: 'failed',
  P: 'pending',
  V: 'voided',
  G: 'in progress',
  H: 'on hold',
} as const;

/** A status letter of a payment: success, failure, pending, unknown, refund, chargeback, void, authorized, expired. */
export type PaymentStatus = keyof typeof paymentStatuses;

/** A status letter of a payout: completed, failed, pending, voided, in progress, on hold. */
export type PayoutStatus = keyof typeof payoutStatuses;

/** The status letter of a payment or a payout. */
export type Status = PaymentStatus | PayoutStatus;

/** The status that a row has before any callback arrived. */
export const initialStatus = 'P';

const followersOfPayment: Record<PaymentStatus, string> = {
  P: 'SFUAVERK',
  U: 'SFPAVERK',
  A: 'SFPUVERK',
  S: 'RK',
  F: 'S',
  V: 'S',
  E: 'S',
  R: 'K',
  K: '',
};

const followersOfPayout: Record<PayoutStatus, string> = {
  P: 'SFVGH',
  G: 'SFVPH',
  H: 'SFVPG',
  S: '',
  F: '',
  V: '',
};

/** The statuses of a payment of which more is to be heard: what `reconcile()` asks about. */
export const openStatuses: readonly PaymentStatus[] = ['P', 'U', 'A'];

/** A payment in one of these is closed: success after it is a late payment. */
const closedPayment = 'FVE';

const followers: Record<CallbackKind, Readonly<Record<string, string>>> = {
  payment: followersOfPayment,
  payout: followersOfPayout,
};

/** Whether a letter is a status of this kind. Letters are upper case; a lower-case one is none. */
export function isStatus(kind: CallbackKind, letter: string): letter is Status {
  return Object.hasOwn(followers[kind], letter);
}

/** The statuses from which `status` may be entered, as one string of letters: data for the SQL. */
export function predecessors(kind: CallbackKind, status: string): string {
  return predecessorTable[kind][status] ?? '';
}

const predecessorTable = {
  payment: invert(followersOfPayment),
  payout: invert(followersOfPayout),
};

function invert(table: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const inverted: Record<string, string> = {};
  for (const status of Object.keys(table)) {
    inverted[status] = Object.keys(table)
      .filter((from) => table[from]?.includes(status))
      .join('');
  }
  return inverted;
}

/** What the machine says of a status that a callback brings to a row. */
export type Move = 'applied' | 'duplicate' | 'stale';

/**
 * Decides one move. `reached` holds the statuses that callbacks have brought before, as letters; a row never enters
 * one of them again. A new row is pending without a callback having said so: the first P is news.
 */
export function decideMove(kind: CallbackKind, row: { status: string; reached: string }, status: string): Move {
  if (row.reached.includes(status)) return row.status === status ? 'duplicate' : 'stale';
  if (row.status === status) return status === initialStatus ? 'applied' : 'duplicate';
  return predecessors(kind, status).includes(row.status) ? 'applied' : 'stale';
}

/** The statuses from which entering `status` is late, as one string of letters: data for the SQL. */
export function latePredecessors(kind: CallbackKind, status: string): string {
  return kind === 'payment' && status === 'S' ? closedPayment : '';
}

/** Whether this move is money that arrived after the payment was given up: record it, and tell the handler. */
export function isLate(kind: CallbackKind, previous: string, current: string): boolean {
  return latePredecessors(kind, current).includes(previous);
}
