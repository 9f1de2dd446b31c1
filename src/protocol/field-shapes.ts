import { readAmount } from './read-amount.js';

/**
 * The shape of one field. Shapes are checked before a proof counts. Every proof joins its fields with `:`. Ids must not
 * hold `:`, otherwise a failed payment with the id `A:R9:S:x` has the text of a successful payment with the id `A`.
 *
 * Free texts have no maximum length: Dragonpay exceeds its own limits (message, params, procid).
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
    holds: (value) => typeof value === 'string' && value.length > 0 && value.length <= longest && isPrintable(value),
  };
}

/** A regular expression takes twice as long for such short texts, and each callback has eight of them. */
function isPrintable(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x20 || unit > 0x7e || unit === 0x3a) return false;
  }
  return true;
}

function letters(length: number, required: boolean): FieldShape {
  return { required, holds: (value) => typeof value === 'string' && value.length === length && isLetters(value) };
}

function isLetters(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const lowerCase = text.charCodeAt(index) | 0x20;
    if (lowerCase < 0x61 || lowerCase > 0x7a) return false;
  }
  return true;
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
