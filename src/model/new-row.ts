import { DragonpayError, invalidDetails, whileReading } from '../errors.js';
import { amountShape, idShape, refnoShape } from '../protocol/field-shapes.js';
import { type CallbackKind, idFields } from '../protocol/kinds.js';
import { checkSpelling } from '../protocol/nearest-name.js';
import { withTwoDecimals } from '../protocol/read-amount.js';
import { initialStatus, isStatus } from '../protocol/statuses.js';
import { paymentTexts, payoutTexts } from './row-texts.js';
import type { PaymentDetails, PayoutDetails } from './rows.js';

/** The values of a new payment or payout, checked and with defaults. */
export interface NewRow {
  readonly id: string;
  readonly amount: string;
  readonly currency: string;
  readonly status: string;
  /** The statuses that callbacks have brought, as letters. The status of an import counts. */
  readonly reached: string;
  readonly refno: string | null;
  readonly texts: Readonly<Record<string, string | null>>;
}

/** @throws DragonpayError `invalid-details` */
export function newPayment(details: PaymentDetails): NewRow {
  return whileReading('details', () => newRow('payment', details, paymentTexts), invalidDetails);
}

/** @throws DragonpayError `invalid-details` */
export function newPayout(details: PayoutDetails): NewRow {
  return whileReading('details', () => newRow('payout', details, payoutTexts), invalidDetails);
}

/** The error of creating a row whose id is taken. */
export function alreadyExists(kind: CallbackKind): DragonpayError {
  return new DragonpayError('already-exists', `a ${kind} with this id exists already`, { subject: kind });
}

function newRow(
  kind: CallbackKind,
  details: PaymentDetails | PayoutDetails,
  limits: Readonly<Record<string, number>>,
): NewRow {
  const known = [idFields[kind], 'amount', 'currency', 'status', 'refno', ...Object.keys(limits)];
  checkSpelling(details, known);
  const id: string = Reflect.get(details, idFields[kind]);
  checkDetail(idFields[kind], idShape.holds(id), 'must be 1 to 40 printable ASCII characters without ":"');
  const { amount, currency = 'PHP', status, refno = null } = details;
  checkDetail('amount', Boolean(amount) && amountShape.holds(amount), 'must be a decimal string such as "100.00"');
  checkDetail(
    'currency',
    typeof currency === 'string' && /^[A-Z]{3}$/.test(currency),
    'must be three upper-case letters',
  );
  checkDetail('status', status === undefined || isStatus(kind, status), `must be a status of a ${kind}`);
  checkDetail('refno', refno === null || refnoShape.holds(refno), 'must be 1 to 32 printable characters without ":"');
  return {
    id,
    amount: withTwoDecimals(amount),
    currency,
    status: status ?? initialStatus,
    reached: status ?? '',
    refno,
    texts: Object.fromEntries(Object.entries(limits).map(([name, limit]) => [name, textOf(details, name, limit)])),
  };
}

function textOf(details: object, name: string, limit: number): string | null {
  const value: unknown = Reflect.get(details, name) ?? null;
  const storable = typeof value === 'string' && [...value].length <= limit && !value.includes('\0');
  checkDetail(name, value === null || storable, `must be a text of at most ${limit} characters without NUL`);
  return value as string | null;
}

/** @throws DragonpayError `invalid-details` unless the condition holds */
export function checkDetail(subject: string, holds: boolean, problem: string): void {
  if (!holds) throw invalidDetails(subject, problem);
}
