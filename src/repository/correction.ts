import { DragonpayError } from '../errors.js';
import { amountShape, refnoShape } from '../protocol/field-shapes.js';
import type { CallbackKind } from '../protocol/kinds.js';
import { withTwoDecimals } from '../protocol/read-amount.js';
import { isStatus, type Status } from '../protocol/statuses.js';
import type { StatusEffect } from './callback-repository.js';
import type { MovableRow } from './decide-update.js';

/** What a correction by hand changes. What is not given stays. */
export interface Change {
  /** Any status of the kind, whatever the machine says. */
  readonly status?: Status;
  /** Decimal string with at most two decimals. */
  readonly amount?: string;
  /** Three upper-case letters. */
  readonly currency?: string;
  readonly refno?: string;
}

/** Why a row is corrected, and by whom: kept in the inbox. */
export interface CorrectionOptions<Trx = unknown> {
  /** At most 1,024 characters. */
  readonly reason: string;
  /** Who does it: at most 64 characters. */
  readonly by: string;
  /** `payment` when not given. */
  readonly kind?: CallbackKind;
  /** To be run in the transaction, where the status changes. None when not given: a correction has no effects. */
  readonly effect?: StatusEffect<Trx>;
}

/** What a correction came to. */
export interface Correction {
  readonly previous: Status;
  readonly current: Status;
  /** The key of its event in the inbox. */
  readonly key: string;
}

/** @throws DragonpayError `invalid-details` */
export function checkCorrection(change: Change, { reason, by, kind = 'payment' }: CorrectionOptions): void {
  const { status, amount, currency, refno } = change;
  const given = [status, amount, currency, refno].filter((value) => value !== undefined);
  check('change', given.length > 0, 'changes nothing');
  check('status', status === undefined || isStatus(kind, status), `is no status of a ${kind}`);
  check('amount', amount === undefined || (amount !== '' && amountShape.holds(amount)), 'is no decimal string');
  check('currency', currency === undefined || /^[A-Z]{3}$/.test(currency), 'is not three upper-case letters');
  check('refno', refno === undefined || refnoShape.holds(refno), 'is not 1 to 32 characters without ":"');
  check('reason', isText(reason, 1024), 'is no text of 1 to 1,024 characters without NUL');
  check('by', isText(by, 64), 'is no text of 1 to 64 characters without NUL');
}

function isText(value: unknown, most: number): boolean {
  return typeof value === 'string' && value.trim() !== '' && [...value].length <= most && !value.includes('\0');
}

function check(subject: string, holds: boolean, complaint: string): void {
  if (!holds) throw new DragonpayError('invalid-details', `${subject} ${complaint}`, { subject });
}

/** The row as it is to stand. The status counts as reached: a callback that brings it later runs no effect either. */
export function correctedRow(row: MovableRow, change: Change): MovableRow {
  const { status = row.status, amount = row.amount, currency = row.currency, refno = row.refno } = change;
  const isNews = status !== row.status && !row.reached.includes(status);
  return { status, amount: withTwoDecimals(amount), currency, refno, reached: row.reached + (isNews ? status : '') };
}

/** A correction as the inbox keeps it: a form, with what was there before. */
export function correctionForm(before: MovableRow, after: MovableRow, { reason, by }: CorrectionOptions): string {
  const form = new URLSearchParams({ by, reason });
  for (const name of ['status', 'amount', 'currency', 'refno'] as const) {
    if (before[name] === after[name]) continue;
    form.append(`previous_${name}`, before[name] ?? '');
    form.append(name, after[name] ?? '');
  }
  return form.toString();
}

/** The error of correcting what is not there. */
export function nothingToCorrect(kind: CallbackKind): DragonpayError {
  return new DragonpayError('not-found', `there is no ${kind} with this id`, { subject: kind });
}
