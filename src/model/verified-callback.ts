import type { CheckedCallback } from '../protocol/fields.js';
import type { CallbackKind } from '../protocol/kinds.js';
import { coverageOf, type SignedField } from '../protocol/signed-text.js';
import type { PaymentData, PayoutData, UnsignedData } from './callback-data.js';
import type { InquiryDetails, Origin, Proof } from './origin.js';

declare const verified: unique symbol;

/**
 * A callback whose proof held. Only the verification makes one, and a repository takes nothing else: to store what
 * was not verified does not compile.
 */
export interface VerifiedCallback {
  readonly [verified]: true;
  readonly kind: CallbackKind;
  /** The `txnid` or the `merchantTxnId`. */
  readonly id: string;
  readonly refno: string;
  /** One letter, not necessarily a status. */
  readonly status: string;
  readonly data: PaymentData | PayoutData;
  readonly unsigned: UnsignedData;
  readonly proof: Proof;
  /** Decimal string with two decimals, covered or not: only compared with the row, never stored in it. */
  readonly amount: string | undefined;
  /** Three upper-case letters: only compared with the row. */
  readonly currency: string | undefined;
  readonly origin: Origin;
  /** How it came; `undefined` for what did not come by a request. */
  readonly method: 'GET' | 'POST' | undefined;
  /** What the gateway's answer to an inquiry said beside the fields of a callback. */
  readonly inquiry?: InquiryDetails;
  /** Tells a correction from the status reached in the usual way: its jobs are others. */
  readonly occasion?: string;
  /** The form as received. Holds the proofs. */
  raw(): string;
}

/**
 * The only place that makes a {@link VerifiedCallback}. Beside a proof that held, three others may ask for one: the
 * answer of the gateway (from-inquiry.ts), an event that was verified when the inbox took it (from-inbox.ts), and the
 * merchant who corrects a row (from-correction.ts).
 */
export function toVerified(
  callback: CheckedCallback,
  by: Pick<VerifiedCallback, 'origin' | 'method' | 'inquiry' | 'occasion' | 'raw' | 'proof'>,
  covered: readonly SignedField[] | 'all',
  merchantId: string,
): VerifiedCallback {
  const { data, unsigned } = splitByCoverage(callback, covered, merchantId);
  const { origin, method, raw, proof, inquiry, occasion } = by;
  const verified = {
    kind: callback.kind,
    id: (callback.kind === 'payment' ? callback.txnid : callback.merchantTxnId) ?? '',
    refno: callback.refno,
    status: callback.status,
    data,
    unsigned,
    amount: callback.amount,
    currency: callback.ccy?.toUpperCase(),
    origin,
    method,
    raw,
    proof,
  } as VerifiedCallback;
  return inquiry === undefined && occasion === undefined
    ? verified
    : { ...verified, ...(inquiry && { inquiry }), ...(occasion !== undefined && { occasion }) };
}

const everyField: ReadonlySet<SignedField> = new Set(['message', 'merchantid', 'param1', 'param2', 'amount']);

function splitByCoverage(callback: CheckedCallback, fields: readonly SignedField[] | 'all', merchantId: string) {
  const { covered, message } =
    fields === 'all' ? { covered: everyField, message: callback.message } : coverageOf(fields, callback, merchantId);
  const { kind, txnid = '', merchantTxnId = '', refno, status } = callback;
  const data: Record<string, string> =
    kind === 'payment' ? { txnid, refno, status, message } : { merchantTxnId, refno, status, message };
  const unsigned: Record<string, string> = message === callback.message ? {} : { message: callback.message };
  // Field by field, since a loop over names costs three times that.
  const { param1, param2, amount, ccy, procid, settledate } = callback;
  const isMerchantIdCovered = covered.has('merchantid');
  const merchantid = callback.merchantid ?? (isMerchantIdCovered ? merchantId : undefined);
  if (merchantid !== undefined) (isMerchantIdCovered ? data : unsigned).merchantid = merchantid;
  if (param1 !== undefined) (covered.has('param1') ? data : unsigned).param1 = param1;
  if (param2 !== undefined) (covered.has('param2') ? data : unsigned).param2 = param2;
  if (amount !== undefined) (covered.has('amount') ? data : unsigned).amount = amount;
  if (ccy !== undefined) unsigned.ccy = ccy;
  if (procid !== undefined) unsigned.procid = procid;
  if (settledate !== undefined) unsigned.settledate = settledate;
  return { data: data as unknown as PaymentData | PayoutData, unsigned: unsigned as UnsignedData };
}
