import type { BodyRead, CallbackRequest } from '../callback-request.js';
import type { FailureCode } from '../errors.js';

/** Why a callback is invalid: a code of the table of failures, the field it is about, and a sentence without values. */
export interface Issue {
  readonly code: FailureCode;
  /** The field's name on the wire, in lower case. */
  readonly field?: string;
  readonly message: string;
}

/** The fields of the protocol, by their lower-case names. Everything else on the wire is kept, and ignored. */
export const knownFieldNames = [
  'txnid',
  'merchanttxnid',
  'refno',
  'status',
  'message',
  'digest',
  'signature',
  'signatures',
  'merchantid',
  'param1',
  'param2',
  'amount',
  'ccy',
  'procid',
  'settledate',
] as const;

/** The lower-case name of a field of the protocol. */
export type KnownFieldName = (typeof knownFieldNames)[number];

/** Known fields, exactly as sent: decoded once, not trimmed. Has no prototype. */
export type KnownFields = { [name in KnownFieldName]?: string };

/** What one request carried. */
export interface ReceivedFields {
  readonly known: Readonly<KnownFields>;
  /** Every name and value in the order of the wire, decoded where it could be. */
  readonly received: ReadonlyArray<readonly [name: string, value: string]>;
  readonly issues: readonly Issue[];
  /** The form as printable ASCII, for the record of the callback. Holds the proofs. */
  raw(): string;
}

/** The limits that {@link readFields} keeps. */
export interface ReadLimits {
  readonly bodyBytes: number;
  readonly queryBytes: number;
  readonly fields: number;
}

/** The fields of a request, or the reason why there are none. `detail` is for the log. */
export type FieldsRead =
  | ({ readonly ok: true } & ReceivedFields)
  | { readonly ok: false; readonly code: FailureCode; readonly detail?: string };

/**
 * Reads the name and value pairs of a callback: from the body of a POST, from the query of a GET, never from both.
 * There is one decoder for every server, because the proofs cover decoded values and body parsers decode differently.
 * Rejects only where the adapter's `body()` does.
 */
export async function readFields(request: CallbackRequest, limits: ReadLimits): Promise<FieldsRead> {
  if (request.method === 'GET') return readQuery(request.target, limits);
  if (!isFormUrlEncoded(request.header('content-type'))) return { ok: false, code: 'unsupported-media-type' };
  const encoding = request.header('content-encoding');
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return { ok: false, code: 'unsupported-content-encoding' };
  }
  return readBody(await request.body(limits.bodyBytes), limits);
}

const formUrlEncoded = 'application/x-www-form-urlencoded';

function isFormUrlEncoded(contentType: string | undefined): boolean {
  return contentType === formUrlEncoded || contentType?.split(';', 1)[0]?.trim().toLowerCase() === formUrlEncoded;
}

function readQuery(target: string, limits: ReadLimits): FieldsRead {
  const start = target.indexOf('?');
  const query = start < 0 ? '' : target.slice(start + 1);
  if (query.length > limits.queryBytes) return { ok: false, code: 'query-too-long' };
  return readForm(asOneCharacterPerByte(query), limits.fields) ?? { ok: false, code: 'query-too-long' };
}

function readBody(body: BodyRead, limits: ReadLimits): FieldsRead {
  switch (body.kind) {
    case 'bytes':
      return readBytes(body.bytes, limits);
    case 'text':
      // Its decoder wrote U+FFFD for bytes that it lost: as with parsed fields, nobody can tell what was there.
      if (body.text.includes('\ufffd')) {
        return readParsedFields(new URLSearchParams(body.text), 'the body parser in front', limits);
      }
      return readBytes(Buffer.from(body.text, 'utf8'), limits);
    case 'fields':
      return readParsedFields(body.fields, body.parser ?? 'the body parser in front', limits);
    case 'consumed':
      return { ok: false, code: 'body-consumed', detail: body.hint };
    case 'too-large':
      return { ok: false, code: 'body-too-large' };
    case 'aborted':
      return { ok: false, code: 'body-aborted' };
  }
}

function readBytes(bytes: Uint8Array, limits: ReadLimits): FieldsRead {
  if (bytes.byteLength > limits.bodyBytes) return { ok: false, code: 'body-too-large' };
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString('latin1');
  return readForm(text, limits.fields) ?? { ok: false, code: 'body-too-large' };
}

/** Servers hand a request line over as one character a byte; a string that holds more was decoded on the way. */
function asOneCharacterPerByte(text: string): string {
  return /[^\u0000-\u00ff]/.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

/** Decodes application/x-www-form-urlencoded, one character a byte. `undefined`: more than `limit` fields. */
export function readForm(form: string, limit: number): (ReceivedFields & { readonly ok: true }) | undefined {
  const collector = new FieldCollector(() => form.replace(/[^\u0021-\u007e]/g, percentEncode));
  let count = 0;
  for (let start = 0; start <= form.length; ) {
    let end = form.indexOf('&', start);
    if (end < 0) end = form.length;
    if (end > start) {
      if (++count > limit) return undefined;
      let equals = form.indexOf('=', start);
      if (equals < 0 || equals > end) equals = end;
      const name = form.slice(start, equals);
      const value = form.slice(equals + 1, end);
      if (isPlain(form, start, equals) && isPlain(form, equals + 1, end)) collector.addPlain(name, value);
      else collector.addEncoded(decodeComponent(name) ?? name, value);
    }
    start = end + 1;
  }
  return collector;
}

/** What names and most values are: text that stands for itself, without escapes and without NUL. */
function isPlain(form: string, start: number, end: number): boolean {
  for (let index = start; index < end; index++) {
    const unit = form.charCodeAt(index);
    if (unit === plus || unit === percent || unit === 0 || unit > 0x7f) return false;
  }
  return true;
}

const plus = 0x2b;
const percent = 0x25;

function readParsedFields(
  fields: Iterable<readonly [string, unknown]>,
  parser: string,
  limits: ReadLimits,
): FieldsRead {
  const collector: FieldCollector = new FieldCollector((): string => encodeForm(collector.received));
  let count = 0;
  for (const [name, value] of fields) {
    if (++count > limits.fields) return { ok: false, code: 'body-too-large' };
    collector.addParsed(name, value, parser);
  }
  return collector;
}

function encodeForm(pairs: ReadonlyArray<readonly [string, string]>): string {
  return pairs
    .map(([name, value]) => `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(value.toWellFormed())}`)
    .join('&');
}

/** `undefined` where the text is no percent-encoded UTF-8. */
function decodeComponent(raw: string): string | undefined {
  try {
    return decodeURIComponent(raw.replaceAll('+', ' ').replace(/[\u0080-\u00ff]/g, percentEncode));
  } catch {
    return undefined;
  }
}

function percentEncode(character: string): string {
  return `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/** Folds the letters A to Z only: `K` the Kelvin sign is no `k`. */
function foldName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

const known: ReadonlyMap<string, KnownFieldName> = new Map(knownFieldNames.map((name) => [name, name]));

function knownName(name: string): KnownFieldName | undefined {
  return known.get(name) ?? known.get(foldName(name));
}

/** Collects the fields of one request, and is the result. */
class FieldCollector implements ReceivedFields {
  readonly ok = true;
  readonly known: KnownFields = Object.create(null);
  readonly received: Array<readonly [string, string]> = [];
  readonly issues: Issue[] = [];
  readonly raw: () => string;

  constructor(raw: () => string) {
    this.raw = raw;
  }

  /** Takes a name and a value that stand for themselves. */
  addPlain(name: string, value: string): void {
    this.received.push([name, value]);
    this.#keep(knownName(name), value);
  }

  /** Takes a name and the value's undecoded text. */
  addEncoded(name: string, rawValue: string): void {
    const value = decodeComponent(rawValue);
    this.received.push([name, value ?? rawValue]);
    const field = knownName(name);
    if (value !== undefined) {
      this.#keepUnlessNul(name, field, value);
    } else if (field !== undefined) {
      const malformedEscape = /%(?![0-9a-f]{2})/i.test(rawValue);
      this.#refuse(
        malformedEscape ? 'invalid-escape' : 'invalid-utf8',
        field,
        malformedEscape ? 'holds a malformed percent escape' : 'is not UTF-8',
      );
    }
  }

  /** Takes a name and a value that a body parser made. */
  addParsed(name: string, value: unknown, parser: string): void {
    const field = knownName(name);
    if (typeof value === 'string') {
      this.received.push([name, value]);
      // A parser writes U+FFFD for what it could not decode: nobody can tell it from a changed value.
      if (field !== undefined && value.includes('\ufffd')) {
        this.#refuse('altered-by-parser', field, `was decoded with losses by ${parser}`);
      } else {
        this.#keepUnlessNul(name, field, value);
      }
    } else if (field !== undefined) {
      if (Array.isArray(value)) this.#refuse('repeated-field', field, 'occurs more than once');
      else this.#refuse('altered-by-parser', field, `is no string after ${parser}`);
    }
  }

  #keepUnlessNul(name: string, field: KnownFieldName | undefined, value: string): void {
    if (value.includes('\0') || name.includes('\0')) this.#refuse('nul-character', field, 'holds a NUL character');
    else this.#keep(field, value);
  }

  #keep(field: KnownFieldName | undefined, value: string): void {
    if (field === undefined) return;
    if (this.known[field] === undefined) this.known[field] = value;
    else this.#refuse('repeated-field', field, 'occurs more than once');
  }

  #refuse(code: FailureCode, field: string | undefined, what: string): void {
    this.issues.push(
      field === undefined ? { code, message: `a field ${what}` } : { code, field, message: `${field} ${what}` },
    );
  }
}
