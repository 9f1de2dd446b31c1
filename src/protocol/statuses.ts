import type { CallbackKind } from './kinds.js';

/** One status of the tables below. */
export interface StatusRow<Letter extends string = string> {
  readonly name: string;
  /** The statuses that may follow this one. */
  readonly followers: readonly Letter[];
  /** `open`: another status is expected, so `reconcile()` asks about it. Otherwise, whether the money has arrived. */
  readonly state: 'open' | 'good' | 'bad';
}

/** Takes the letters from the keys, so that the compiler refuses a follower that has no row. */
function defineStatuses<Letter extends string>(rows: Readonly<Record<Letter, StatusRow<NoInfer<Letter>>>>) {
  return rows;
}

/**
 * The statuses of payments. A settled payment never goes back. `F`, `V` and `E` may still become `S`: Dragonpay's
 * support validates late deposits by hand. Source: Dragonpay's status codes.
 */
export const paymentStatuses = defineStatuses({
  S: { name: 'success', followers: ['R', 'K'], state: 'good' },
  F: { name: 'failure', followers: ['S'], state: 'bad' },
  P: { name: 'pending', followers: ['S', 'F', 'U', 'A', 'V', 'E', 'R', 'K'], state: 'open' },
  U: { name: 'unknown', followers: ['S', 'F', 'P', 'A', 'V', 'E', 'R', 'K'], state: 'open' },
  R: { name: 'refund', followers: ['K'], state: 'bad' },
  K: { name: 'chargeback', followers: [], state: 'bad' },
  V: { name: 'void', followers: ['S'], state: 'bad' },
  A: { name: 'authorized', followers: ['S', 'F', 'P', 'U', 'V', 'E', 'R', 'K'], state: 'open' },
  E: { name: 'expired', followers: ['S'], state: 'bad' },
});

/** The statuses of payouts. */
export const payoutStatuses = defineStatuses({
  S: { name: 'completed', followers: [], state: 'good' },
  F: { name: 'failed', followers: [], state: 'bad' },
  P: { name: 'pending', followers: ['S', 'F', 'V', 'G', 'H'], state: 'open' },
  V: { name: 'voided', followers: [], state: 'bad' },
  G: { name: 'in progress', followers: ['S', 'F', 'V', 'P', 'H'], state: 'open' },
  H: { name: 'on hold', followers: ['S', 'F', 'V', 'P', 'G'], state: 'open' },
});

/** A status letter of a payment: success, failure, pending, unknown, refund, chargeback, void, authorized, expired. */
export type PaymentStatus = keyof typeof paymentStatuses;

/** A status letter of a payout: completed, failed, pending, voided, in progress, on hold. */
export type PayoutStatus = keyof typeof payoutStatuses;

/** The status letter of a payment or a payout. */
export type Status = PaymentStatus | PayoutStatus;

/** The status of a row before its first callback. */
export const initialStatus = 'P';

/** Both tables, by kind and letter. */
export const statuses: Readonly<Record<CallbackKind, Readonly<Record<string, StatusRow>>>> = {
  payment: paymentStatuses,
  payout: payoutStatuses,
};

/** The open statuses of payments: `reconcile()` asks the gateway about them. */
export const openStatuses: readonly PaymentStatus[] = (Object.keys(paymentStatuses) as PaymentStatus[]).filter(
  (letter) => paymentStatuses[letter].state === 'open',
);

/** Whether a letter is a status of this kind. Status letters are upper case. */
export function isStatus(kind: CallbackKind, letter: string): letter is Status {
  return typeof letter === 'string' && Object.hasOwn(statuses[kind], letter);
}

/** Whether another status is expected after this one. An unknown letter is not open. */
export function isOpen(kind: CallbackKind, letter: string): boolean {
  return isStatus(kind, letter) && statuses[kind][letter]?.state === 'open';
}

/** The statuses from which `status` may be entered, as one string of letters. It is a parameter of the SQL. */
export function predecessors(kind: CallbackKind, status: string): string {
  return predecessorTable[kind][status] ?? '';
}

const predecessorTable = { payment: invert(paymentStatuses), payout: invert(payoutStatuses) };

function invert(table: Readonly<Record<string, StatusRow>>): Readonly<Record<string, string>> {
  const letters = Object.keys(table);
  const entering = (status: string) => letters.filter((from) => table[from]?.followers.includes(status)).join('');
  return Object.fromEntries(letters.map((status) => [status, entering(status)]));
}

/** The decision about one status that a callback brings to a row. */
export type Move = 'applied' | 'duplicate' | 'stale';

/**
 * Decides one move. `reached` holds the letters of the statuses that callbacks have brought before. A row never enters
 * one of them again. A new row is pending although no callback has brought P, therefore the first P is applied.
 */
export function decideMove(
  kind: CallbackKind,
  row: { status: string; reached: string | readonly string[] },
  status: string,
): Move {
  if (row.reached.includes(status)) return row.status === status ? 'duplicate' : 'stale';
  if (row.status === status) return status === initialStatus ? 'applied' : 'duplicate';
  return predecessors(kind, status).includes(row.status) ? 'applied' : 'stale';
}

/** The statuses from which entering `status` is late, as one string of letters. It is a parameter of the SQL. */
export function latePredecessors(kind: CallbackKind, status: string): string {
  return status === 'S' ? lateTable[kind] : '';
}

const lateTable = { payment: closedBeforeSuccess('payment'), payout: closedBeforeSuccess('payout') };

/** Success is late when it follows a status that ends a payment, such as F. */
function closedBeforeSuccess(kind: CallbackKind): string {
  return [...predecessors(kind, 'S')].filter((letter) => !isOpen(kind, letter)).join('');
}

/** Whether a move means that money arrived after the payment had failed, expired or been voided. */
export function isLate(kind: CallbackKind, previous: string, current: string): boolean {
  return latePredecessors(kind, current).includes(previous);
}
