import type { FieldsOf } from '../protocol/fields.js';

/** The fields of a payment that its proof covers. Which ones these are depends on the kind of proof. */
export interface PaymentData extends FieldsOf<'payment', 'key' | 'content' | 'hint'> {
  readonly txnid: string;
  readonly refno: string;
  /** The status letter as sent; see `callback.status`. */
  readonly status: string;
  /** Free text: a bank reference, instructions or an error. Never decides anything. Empty when not sent. */
  readonly message: string;
  /** Never present on a payment; tells the union apart. */
  readonly merchantTxnId?: undefined;
}

/** The fields of a payout that its digest covers. */
export interface PayoutData {
  /** The merchant's own id of the payout: 1 to 40 printable ASCII characters without `:`. */
  readonly merchantTxnId: string;
  readonly refno: string;
  readonly status: string;
  /** Free text. Empty when not sent. */
  readonly message: string;
  /** Never present on a payout; tells the union apart. */
  readonly txnid?: undefined;
}

/** The fields that no proof covers. Show them, but do not act on them. */
export interface UnsignedData extends FieldsOf<'payment', 'content' | 'hint'> {}
