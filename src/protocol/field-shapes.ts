import { readAmount } from './read-amount.js';

/**
 * The shape of one field. Shapes are checked before a proof counts. Every proof joins its fields with `:`, so a field
 * that must not hold `:` keeps a failed payment of `A:R9:S:x` from being cut into a successful one of `A`.
 *
 * Free texts have no greatest length: Dragonpay has been seen to exceed its own (message, params, procid).
 */
export interface FieldShape {
  /** A required field must be present and not empty. An optional one counts as absent when it is empty. */
  readonly required: boolean;
  /** Whether a value that is not empty has the shape. */
  holds(value: unknown): boolean;
}

/** 1 to `longest` printable ASCII characters without `:`. */
function printable(longest: number, required: boolean): FieldShape {
  return {
    required,
    holds: (value) => typeof value === 'string' && value.length <= longest && /^[ -9;-~]+$/.test(value),
  };
}

function letters(length: number, required: boolean): FieldShape {
  return {
    required,
    holds: (value) => typeof value === 'string' && value.length === length && /^[A-Za-z]+$/.test(value),
  };
}

/** A `txnid` or `merchantTxnId`: 1 to 40 printable ASCII characters without `:`. */
export const idShape = printable(40, true);

/** A `refno`: 1 to 32 printable ASCII characters without `:`. Opaque; its usual length has grown over the years. */
export const refnoShape = printable(32, true);

/** One letter. An unknown letter has the shape too: it is recorded, not refused. */
export const statusShape = letters(1, true);

/** 1 to 20 printable ASCII characters without `:`. */
export const merchantIdShape = printable(20, false);

/** A decimal that fits numeric(12,2): no sign, no grouping, no exponent. */
export const amountShape: FieldShape = {
  required: false,
  holds: (value) => typeof value === 'string' && /^(?:0|[1-9]\d{0,9})(?:\.\d{1,2})?$/.test(value),
};

/** An amount as a gateway may write it. See {@link readAmount}. */
export const sentAmountShape: FieldShape = {
  required: false,
  holds: (value) => typeof value === 'string' && readAmount(value) !== undefined,
};

/** Three letters of either case: no proof covers the currency. */
export const currencyShape = letters(3, false);

/** Any text. The limits of the request bound its length. */
export const textShape: FieldShape = { required: false, holds: (value) => typeof value === 'string' };
