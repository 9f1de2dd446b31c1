import type { InquiryDetails } from '../model/origin.js';
import type { CheckedCallback, KnownFieldName, KnownFields } from '../protocol/fields.js';
import { readManilaTime } from '../protocol/manila-time.js';
import { checkFields } from '../reading/check-fields.js';

/** An answer whose fields are well-formed. */
export interface InquiryAnswer {
  readonly callback: CheckedCallback;
  readonly details: InquiryDetails;
  /** The fields as the form of a callback, to be recorded in the inbox. */
  raw(): string;
}

/** The lower-case names in an answer, each with the field of a callback that it stands for. */
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
 * Reads the answer to an inquiry. Its fields must have the shapes of a callback's.
 * @throws SyntaxError if it is not JSON, and an Error if it is malformed. Neither holds a value of the answer.
 */
export function readAnswer(text: string): InquiryAnswer {
  const values = readValues(text);
  const known: KnownFields = Object.create(null);
  for (const [name, field] of Object.entries(fieldOf)) {
    const value = values.get(name);
    if (value !== undefined) known[field] = value;
  }
  const settleDate = readManilaTime(known.settledate);
  if (known.settledate !== undefined) known.settledate = settleDate === undefined ? '' : known.settledate.slice(0, 10);
  const raw = () => new URLSearchParams(known as Record<string, string>).toString();
  const checked = checkFields({ known, received: () => [], issues: [], raw }, new Set(['payment']));
  if (!checked.ok) throw new Error(`the answer of the gateway is malformed: ${checked.issues[0]?.message}`);
  // A callback's proof says which fields matter. An answer has no proof, so every field must be readable.
  const [unreadable] = checked.callback.odd?.values() ?? [];
  if (unreadable !== undefined) throw new Error(`the answer of the gateway is malformed: ${unreadable.message}`);
  const details = { refDate: readManilaTime(values.get('refdate')), settleDate, fee: values.get('fee') };
  return { callback: checked.callback, details, raw };
}

/**
 * Reads a flat JSON object, or a list of one: lower-case names, and numbers as they are written. `null` counts as absent.
 */
function readValues(text: string): ReadonlyMap<string, string> {
  const answer: unknown = JSON.parse(quoteNumbers(text));
  const parsed: unknown = Array.isArray(answer) && answer.length === 1 ? answer[0] : answer;
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new Error('the answer of the gateway is not a JSON object');
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
 * Puts numbers into quotes, because JSON.parse would turn an amount into a float. Strings are matched first, so that
 * numbers in them are left alone. A string without an end matches too: otherwise the search would start again at each
 * quote in it and take seconds.
 */
function quoteNumbers(json: string): string {
  return json.replace(/"(?:[^"\\]|\\[\s\S])*"?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) =>
    // A number has no marks between groups: `100.000` is a hundred. As text it could be a hundred thousand.
    token.startsWith('"') ? token : `"${token.replace(/(\.\d\d)0+$/, '$1')}"`,
  );
}
