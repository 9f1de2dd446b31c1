import { string } from 'yup';

/**
 * The shapes of single fields. They are checked before a proof counts: every proof joins its fields with `:`, so a
 * field that may hold no `:` keeps a failed payment of `A:R9:S:x` from being re-cut into a successful one of `A`.
 *
 * The messages of the rules are codes of the table of failures; default messages would print the value.
 * They are said again, for speed, in plain-fields.ts. Lengths are Dragonpay's, but lenient where it has been seen to
 * exceed its own (message, params, procid).
 */
const printableWithoutColon = /^[\u0020-\u0039\u003b-\u007e]*$/;
const lenientLength = 1024;

function text(maximum: number) {
  return string().strict().max(maximum, 'malformed-field');
}

/** A `txnid` or `merchantTxnId`: 1 to 40 printable ASCII characters without `:`. */
export const idShape = text(40).required('missing-field').matches(printableWithoutColon, 'malformed-field');

/** A `refno`: 1 to 32 printable ASCII characters without `:`. Opaque; its usual length has grown over the years. */
export const refnoShape = text(32).required('missing-field').matches(printableWithoutColon, 'malformed-field');

/** One letter. Whether it means something is decided later: what is not known is kept, not refused. */
export const statusShape = string()
  .strict()
  .required('missing-field')
  .matches(/^[A-Za-z]$/, 'malformed-field');

export const merchantIdShape = text(20).matches(printableWithoutColon, 'malformed-field');

/** A decimal that fits numeric(12,2): no sign, no grouping, no exponent. */
export const amountShape = string()
  .strict()
  .matches(/^(?:0|[1-9]\d{0,9})(?:\.\d{1,2})?$/, { message: 'malformed-field', excludeEmptyString: true });

/** Three letters; nothing vouches for them, so their case is not judged. */
export const currencyShape = string()
  .strict()
  .matches(/^[A-Za-z]{3}$/, { message: 'malformed-field', excludeEmptyString: true });

export const freeTextShape = text(lenientLength);

/** Proofs are only judged by the verification, and only those that the merchant accepts. */
export const proofShape = string().strict();

/** An amount with exactly two decimals, as it is signed and stored: `100` is `100.00`. Decimal string in and out. */
export function withTwoDecimals(amount: string): string {
  if (amount.charAt(amount.length - 3) === '.') return amount;
  const [units = '0', decimals = ''] = amount.split('.');
  return `${units}.${decimals.padEnd(2, '0')}`;
}
