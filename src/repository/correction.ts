import { DragonpayError, invalidDetails, whileReading } from '../errors.js';
import { checkDetail } from '../model/new-row.js';
import { amountShape, refnoShape } from '../protocol/field-shapes.js';
import { type CallbackKind, callbackKinds } from '../protocol/kinds.js';
import { checkSpelling } from '../protocol/nearest-name.js';
import { withTwoDecimals } from '../protocol/read-amount.js';
import { isStatus, type Status } from '../protocol/statuses.js';
import type { StatusEffect } from './callback-repository.js';
import type { MovableRow } from './decide-update.js';
import { toEventKey } from './event-key.js';

/** The new values of a correction by hand. Omitted values are unchanged. */
export interface Change {
  /** Any status of the kind: the status machine is not asked. */
  readonly status?: Status;
  /** Decimal string with at most two decimals. */
  readonly amount?: string;
  /** Three upper-case letters. */
  readonly currency?: string;
  readonly refno?: string;
}

/** Why a row is corrected, and by whom. The inbox records it. */
export interface CorrectionOptions<Trx = unknown> {
  /** At most 1,024 characters. */
  readonly reason: string;
  /** The person or program that corrects the row: at most 64 characters. */
  readonly by: string;
  /** Default: `payment`. */
  readonly kind?: CallbackKind;
  /** Runs in the transaction if the status changes. Default: none. */
  readonly effect?: StatusEffect<Trx>;
}

/** The result of a correction. */
export interface Correction {
  readonly previous: Status;
  readonly current: Status;
  /** The key of its event in the inbox. */
  readonly key: string;
}

/** @throws DragonpayError `invalid-details` */
export function checkCorrection(change: Change, options: CorrectionOptions): void {
  whileReading('correction', () => checkReadable(change, options), invalidDetails);
}

function checkReadable(change: Change, options: CorrectionOptions): void {
  checkSpelling(change, ['status', 'amount', 'currency', 'refno'], 'change');
  checkSpelling(options, ['reason', 'by', 'kind', 'effect'], 'options');
  const { reason, by, kind = 'payment', effect } = options;
  checkDetail('kind', callbackKinds.includes(kind), 'must be "payment" or "payout"');
  checkDetail('effect', effect === undefined || typeof effect?.run === 'function', 'must have the method run()');
  const { status, amount, currency, refno } = change;
  const given = [status, amount, currency, refno].filter((value) => value !== undefined);
  checkDetail('change', given.length > 0, 'must change something');
  checkDetail('status', status === undefined || isStatus(kind, status), `must be a status of a ${kind}`);
  checkDetail(
    'amount',
    amount === undefined || (amount !== '' && amountShape.holds(amount)),
    'must be a decimal string such as "100.00"',
  );
  checkDetail(
    'currency',
    currency === undefined || (typeof currency === 'string' && /^[A-Z]{3}$/.test(currency)),
    'must be three upper-case letters',
  );
  checkDetail('refno', refno === undefined || refnoShape.holds(refno), 'must be 1 to 32 characters without ":"');
  checkDetail('reason', isText(reason, 1024), 'must be a text of 1 to 1,024 characters without NUL');
  checkDetail('by', isText(by, 64), 'must be a text of 1 to 64 characters without NUL');
}

function isText(value: unknown, most: number): boolean {
  return typeof value === 'string' && value.trim() !== '' && [...value].length <= most && !value.includes('\0');
}

/**
 * The row after the correction. Its status counts as reached: a callback that brings this status later runs no effect.
 */
export function correctedRow(row: MovableRow, change: Change): MovableRow {
  const { status = row.status, amount = row.amount, currency = row.currency, refno = row.refno } = change;
  const isNews = status !== row.status && !row.reached.includes(status);
  return { status, amount: withTwoDecimals(amount), currency, refno, reached: row.reached + (isNews ? status : '') };
}

/** The form of a correction in the inbox, with the old and the new values. */
export function correctionForm(before: MovableRow, after: MovableRow, { reason, by }: CorrectionOptions): string {
  const form = new URLSearchParams({ by, reason });
  for (const name of ['status', 'amount', 'currency', 'refno'] as const) {
    if (before[name] === after[name]) continue;
    form.append(`previous_${name}`, before[name] ?? '');
    form.append(name, after[name] ?? '');
  }
  return form.toString();
}

/** @param correction the number of the correction in the inbox */
export function toCorrection(
  kind: CallbackKind,
  id: string,
  before: MovableRow,
  after: MovableRow,
  correction: number,
): Correction {
  return {
    previous: before.status as Status,
    current: after.status as Status,
    key: toEventKey({ kind, id, refno: after.refno ?? '', status: after.status }, correction),
  };
}

/** The error of correcting a row that does not exist. */
export function nothingToCorrect(kind: CallbackKind): DragonpayError {
  return new DragonpayError('not-found', `there is no ${kind} with this id`, { subject: kind });
}
