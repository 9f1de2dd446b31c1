import { type CheckedCallback, fieldValue, isOther } from '../protocol/fields.js';
import { type CallbackKind, idFields } from '../protocol/kinds.js';
import { type Coverage, coverageOf, type SignedText } from '../protocol/signed-text.js';
import type { PaymentData, PayoutData, UnsignedData } from './callback-data.js';
import { type CoveredValues, fingerprintOf } from './fingerprint.js';
import type { InquiryDetails, Origin, Proof } from './origin.js';

declare const verified: unique symbol;

/**
 * A callback whose proof held. A repository accepts nothing else, so code that stores an unverified callback does not
 * compile.
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
  /** Decimal string with two decimals, covered or not. Only compared with the row, never stored in it. */
  readonly amount: string | undefined;
  /** Three upper-case letters. Only compared with the row. */
  readonly currency: string | undefined;
  readonly origin: Origin;
  /** The HTTP method; `undefined` without a request. */
  readonly method: 'GET' | 'POST' | undefined;
  /** The parts of the gateway's answer to an inquiry that a callback does not have. */
  readonly inquiry?: InquiryDetails | undefined;
  /** Identifies a correction. Its jobs must have other keys than the jobs of the status that was reached before. */
  readonly occasion?: string | undefined;
  /** The number of copies that it stands for. Default: 1. The inbox counts each of them as a delivery. */
  readonly copies?: number | undefined;
  /** Tells it from other events of the same id, refno and status by the values that its proof covers. */
  readonly fingerprint: string;
  /** The form as received. Holds the proofs. */
  raw(): string;
  /** Frees the form if another copy of this callback is stored in its place. `raw` must not be called afterwards. */
  readonly releaseForm?: (() => void) | undefined;
}

/** The parts of a {@link VerifiedCallback} that do not come from its fields. */
type Provenance = Pick<
  VerifiedCallback,
  'origin' | 'method' | 'inquiry' | 'occasion' | 'copies' | 'raw' | 'releaseForm' | 'proof'
>;

/** The fingerprint is given for an event that the inbox has already, and for one that it will not record. */
type GivenProvenance = Provenance & { readonly fingerprint?: string | undefined };

/**
 * Makes a {@link VerifiedCallback}. Only the rooms `verification` and `handling` call it: for a proof that held, an
 * answer of the gateway, an event that was verified when the inbox recorded it, and a correction by the merchant.
 * @param signed the signed text, or `all` if the source confirms every field
 */
export function toVerified(
  callback: CheckedCallback,
  by: GivenProvenance,
  signed: SignedText | 'all',
  merchantId: string,
): VerifiedCallback {
  const coverage = coverageOf(signed, callback, merchantId);
  const { data, unsigned } = splitByCoverage(callback, coverage, merchantId);
  return make(
    {
      kind: callback.kind,
      id: callback[idFields[callback.kind]] ?? '',
      refno: callback.refno,
      status: callback.status,
      data,
      unsigned,
      fingerprint: by.fingerprint ?? fingerprintOf(fingerprintedValues(callback, signed, coverage)),
    },
    callback.amount,
    callback.ccy?.toUpperCase(),
    by,
  );
}

/** The same callback, with the amount and currency that the gateway confirmed where the callback has none. */
export function withConfirmedAmounts(
  callback: VerifiedCallback,
  confirmed: { readonly amount: string | undefined; readonly currency: string | undefined },
): VerifiedCallback {
  return make(callback, callback.amount ?? confirmed.amount, callback.currency ?? confirmed.currency, callback);
}

/** The same callback, standing for copies of it that arrived together. */
export function withCopies(callback: VerifiedCallback, copies: number): VerifiedCallback {
  return make(callback, callback.amount, callback.currency, {
    origin: callback.origin,
    method: callback.method,
    raw: callback.raw,
    releaseForm: callback.releaseForm,
    proof: callback.proof,
    inquiry: callback.inquiry,
    occasion: callback.occasion,
    copies,
  });
}

/**
 * All verified callbacks are made here. Every property is named, because a spread would carry the brand to objects that
 * were not verified.
 */
function make(
  { kind, id, refno, status, data, unsigned, fingerprint }: Omit<Content, 'amount' | 'currency'>,
  amount: string | undefined,
  currency: string | undefined,
  { origin, method, raw, releaseForm, proof, inquiry, occasion, copies }: Provenance,
): VerifiedCallback {
  const made: Content & Provenance = {
    kind,
    id,
    refno,
    status,
    data,
    unsigned,
    amount,
    currency,
    origin,
    method,
    raw,
    releaseForm,
    proof,
    inquiry,
    occasion,
    copies,
    fingerprint,
  };
  return made as VerifiedCallback;
}

type Content = Pick<
  VerifiedCallback,
  'kind' | 'id' | 'refno' | 'status' | 'data' | 'unsigned' | 'amount' | 'currency' | 'fingerprint'
>;

function splitByCoverage(callback: CheckedCallback, { covered, uncovered, message }: Coverage, merchantId: string) {
  const { kind, txnid = '', merchantTxnId = '', refno, status } = callback;
  const data: Record<string, string> =
    kind === 'payment' ? { txnid, refno, status, message } : { merchantTxnId, refno, status, message };
  const unsigned: Record<string, string> = message === callback.message ? {} : { message: callback.message };
  for (const field of covered) {
    // A proof over the merchant id covers the configured one if the callback has none.
    const value = callback[field] ?? (field === 'merchantid' ? merchantId : undefined);
    if (value !== undefined) data[field] = value;
  }
  for (const field of uncovered) {
    const value = callback[field];
    if (value !== undefined) unsigned[field] = value;
  }
  return { data: data as unknown as PaymentData | PayoutData, unsigned: unsigned as UnsignedData };
}

function fingerprintedValues(
  callback: CheckedCallback,
  signed: SignedText | 'all',
  { covered, message }: Coverage,
): CoveredValues {
  // The gateway words the message of an answer in its own way, so only the amount can tell two events apart.
  if (signed === 'all') return { message: undefined, amount: callback.amount, others: undefined };
  let others: string | undefined;
  for (const field of signed.fields) {
    if (isOther(field)) others = `${others ?? ''}${field}=${fieldValue(callback, field)}\n`;
  }
  for (const field of covered) {
    // The merchant id is left out, because all events have the configured one.
    if (field !== 'amount' && field !== 'merchantid') others = `${others ?? ''}${field}=${callback[field] ?? ''}\n`;
  }
  return {
    message: message === '' && callback.message !== '' ? undefined : message,
    amount: covered.includes('amount') ? (callback.amount ?? '') : undefined,
    others,
  };
}
