/** The fields of a payment that its proof covers. Which ones these are depends on the kind of proof. */
export interface PaymentData {
  /** The merchant's own id of the payment: 1 to 40 printable ASCII characters without `:`. */
  readonly txnid: string;
  /** Dragonpay's reference number: opaque, 1 to 32 printable ASCII characters without `:`. */
  readonly refno: string;
  /** The status letter as sent; see `callback.status`. */
  readonly status: string;
  /** Free text: a bank reference, instructions or an error. Never decides anything. Empty when not sent. */
  readonly message: string;
  /** Covered by RSA only. */
  readonly merchantid?: string;
  /** The merchant's own parameters, echoed. Covered by RSA only, and only where they cannot be re-cut. */
  readonly param1?: string;
  readonly param2?: string;
  /** Decimal string with two decimals, such as `100.00`. Covered by RSA and HMAC. */
  readonly amount?: string;
  /** A payout's. */
  readonly merchantTxnId?: undefined;
}

/** The fields of a payout that its digest covers. */
export interface PayoutData {
  /** The merchant's own id of the payout: 1 to 40 printable ASCII characters without `:`. */
  readonly merchantTxnId: string;
  readonly refno: string;
  readonly status: string;
  readonly message: string;
  /** A payment's. */
  readonly txnid?: undefined;
}

/** What came with a callback and nothing vouches for: a hint to show, never a ground to act on. */
export interface UnsignedData {
  readonly message?: string;
  readonly merchantid?: string;
  readonly param1?: string;
  readonly param2?: string;
  /** Decimal string with two decimals. */
  readonly amount?: string;
  /** Currency, three letters. */
  readonly ccy?: string;
  /** The channel that was paid through, such as `BPI`. */
  readonly procid?: string;
  /** `YYYY-MM-DD`. */
  readonly settledate?: string;
}
