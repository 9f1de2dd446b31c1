import type { KnownFields } from './fields.js';
import type { CallbackKind } from './kinds.js';

/**
 * Whether all fields have their shapes, said quickly: the same rules as in field-shapes.ts, which cost thirty times as
 * much there. Only a yes counts. A no leaves it to the schema to decide, and to say what is wrong.
 *
 * Whoever changes a shape changes it in both places; a property of the tests holds the one to the other.
 */
export function havePlainShapes(kind: CallbackKind, fields: Readonly<KnownFields>): boolean {
  const { refno, status, message, merchantid, amount, ccy, procid } = fields;
  return (
    isPrintable(kind === 'payment' ? fields.txnid : fields.merchanttxnid, 1, 40) &&
    isPrintable(refno, 1, 32) &&
    status !== undefined &&
    isLetters(status, 1) &&
    isShort(message) &&
    (merchantid === undefined || isPrintable(merchantid, 0, 20)) &&
    (!amount || amountPattern.test(amount)) &&
    (!ccy || isLetters(ccy, 3)) &&
    isShort(procid) &&
    (kind === 'payout' || (isShort(fields.param1) && isShort(fields.param2) && isShort(fields.settledate)))
  );
}

const amountPattern = /^(?:0|[1-9]\d{0,9})(?:\.\d{1,2})?$/;

function isShort(text: string | undefined): boolean {
  return text === undefined || text.length <= 1024;
}

/** Printable ASCII without `:`. */
function isPrintable(text: string | undefined, shortest: number, longest: number): boolean {
  if (text === undefined || text.length < shortest || text.length > longest) return false;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x20 || unit > 0x7e || unit === 0x3a) return false;
  }
  return true;
}

function isLetters(text: string, length: number): boolean {
  if (text.length !== length) return false;
  for (let index = 0; index < length; index++) {
    const lowerCase = text.charCodeAt(index) | 0x20;
    if (lowerCase < 0x61 || lowerCase > 0x7a) return false;
  }
  return true;
}
