import { DragonpayError } from '../errors.js';
import { amountShape, idShape, refnoShape, withTwoDecimals } from '../protocol/field-shapes.js';
import type { CallbackKind } from '../protocol/kinds.js';
import { initialStatus, isStatus } from '../protocol/statuses.js';
import type { PaymentDetails, PayoutDetails } from './rows.js';

/** The column values of a new payment or payout, by the names of its row; what is not given is null. */
export interface NewRow {
  readonly id: string;
  readonly amount: string;
  readonly currency: string;
  readonly status: string;
  /** The statuses that callbacks have brought, as letters: an imported status counts. */
  readonly reached: string;
  readonly refno: string | null;
  readonly texts: Readonly<Record<string, string | null>>;
}

/** The texts of a payment and their greatest lengths, in characters. */
export const paymentTexts = { description: 128, email: 254, param1: 80, param2: 80, procid: 32 } as const;

/** The texts of a payout and their greatest lengths, in characters. */
export const payoutTexts = {
  description: 128,
  userId: 40,
  userName: 128,
  email: 254,
  mobile: 32,
  procid: 32,
  procDetail: 64,
} as const;

/** @throws DragonpayError `invalid-details` */
export function newPayment(details: PaymentDetails): NewRow {
  return newRow('payment', 'txnid', details.txnid, details, paymentTexts);
}

/** @throws DragonpayError `invalid-details` */
export function newPayout(details: PayoutDetails): NewRow {
  return newRow('payout', 'merchantTxnId', details.merchantTxnId, details, payoutTexts);
}

/** The error of creating what exists. */
export function alreadyExists(kind: CallbackKind): DragonpayError {
  return new DragonpayError('already-exists', `a ${kind} with this id exists already`, { subject: kind });
}

function newRow(
  kind: CallbackKind,
  idName: string,
  id: string,
  details: PaymentDetails | PayoutDetails,
  texts: Readonly<Record<string, number>>,
): NewRow {
  check(idName, idShape.isValidSync(id), 'is not 1 to 40 printable ASCII characters without ":"');
  const { amount, currency = 'PHP', status, refno = null } = details;
  check('amount', Boolean(amount) && amountShape.isValidSync(amount), 'is no decimal string such as "100.00"');
  check('currency', typeof currency === 'string' && /^[A-Z]{3}$/.test(currency), 'is not three upper-case letters');
  check('status', status === undefined || isStatus(kind, status), `is no status of a ${kind}`);
  check('refno', refno === null || refnoShape.isValidSync(refno), 'is not 1 to 32 printable characters without ":"');
  return {
    id,
    amount: withTwoDecimals(amount),
    currency,
    status: status ?? initialStatus,
    reached: status ?? '',
    refno,
    texts: Object.fromEntries(Object.entries(texts).map(([name, limit]) => [name, textOf(details, name, limit)])),
  };
}

function textOf(details: object, name: string, limit: number): string | null {
  const value: unknown = Reflect.get(details, name) ?? null;
  const storable = typeof value === 'string' && [...value].length <= limit && !value.includes('\0');
  check(name, value === null || storable, `is no text of at most ${limit} characters without NUL`);
  return value as string | null;
}

function check(subject: string, holds: boolean, complaint: string): void {
  if (!holds) throw new DragonpayError('invalid-details', `${subject} ${complaint}`, { subject });
}
