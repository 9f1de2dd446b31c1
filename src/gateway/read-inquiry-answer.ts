import type { InquiryDetails } from '../model/origin.js';
import type { CheckedCallback, KnownFieldName, KnownFields } from '../protocol/fields.js';
import { readManilaTime } from '../protocol/manila-time.js';
import { checkFields } from '../reading/check-fields.js';

/** An answer whose shapes hold. */
export interface InquiryAnswer {
  readonly callback: CheckedCallback;
  readonly details: InquiryDetails;
  /** The fields as the form of a callback, for the inbox. */
  raw(): string;
}

/** The names in an answer, folded, and the fields of a callback that they are. */
const fieldOf: Readonly<Record<string, KnownFieldName>> = {
  txnid: 'txnid',
  refno: 'refno',
  status: 'status',
  procmsg: 'message',
  merchantid: 'merchantid',
  param1: 'param1',
  param2: 'param2',
  amount: 'amount',
  currency: 'ccy',
  procid: 'procid',
  settledate: 'settledate',
};

/**
 * Reads the answer to an inquiry, by the shapes that callbacks are held to.
 * @throws an Error that holds no value of the answer.
 */
export function readAnswer(text: string): InquiryAnswer {
  const values = readValues(text);
  const known: KnownFields = Object.create(null);
  for (const [name, field] of Object.entries(fieldOf)) {
    const value = values.get(name);
    if (value !== undefined) known[field] = value;
  }
  if (known.amount !== undefined) known.amount = withoutIdleZeros(known.amount);
  const settleDate = readManilaTime(known.settledate);
  if (known.settledate !== undefined) known.settledate = settleDate === undefined ? '' : known.settledate.slice(0, 10);
  const raw = () => new URLSearchParams(known as Record<string, string>).toString();
  const checked = checkFields({ known, received: [], issues: [], raw }, new Set(['payment']));
  if (!checked.ok) throw new Error(`the answer of the gateway is malformed: ${checked.issues[0]?.message}`);
  const details = { refDate: readManilaTime(values.get('refdate')), settleDate, fee: values.get('fee') };
  return { callback: checked.callback, details, raw };
}

/** The values of a flat JSON object by their lower-case names, numbers as they are written. Null counts as absent. */
function readValues(text: string): ReadonlyMap<string, string> {
  const parsed: unknown = JSON.parse(quoteNumbers(text));
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new Error('the answer of the gateway is no JSON object');
  }
  const values = new Map<string, string>();
  for (const [name, value] of Object.entries(parsed)) {
    if (value === null) continue;
    const folded = name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
    if (typeof value !== 'string' || value.includes('\0') || values.has(folded)) {
      if (folded in fieldOf) throw new Error(`the answer of the gateway is malformed: ${folded}`);
      continue;
    }
    values.set(folded, value);
  }
  return values;
}

/**
 * JSON.parse would turn an amount into a float. Strings are matched first, so that numbers in them are left alone. One
 * without an end matches as well: to look for it again from each quote in it would take seconds.
 */
function quoteNumbers(json: string): string {
  return json.replace(/"(?:[^"\\]|\\[\s\S])*"?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) =>
    token.startsWith('"') ? token : `"${token}"`,
  );
}

/** `100.0000` is `100.00`. Zeros only: whatever else is over two decimals is refused by the shape. */
function withoutIdleZeros(amount: string): string {
  return amount.replace(/^(\d+\.\d\d)0+$/, '$1');
}
