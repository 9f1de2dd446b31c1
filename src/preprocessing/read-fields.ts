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
  if ((request.header('content-encoding') ?? 'identity').toLowerCase() !== 'identity') {
    return { ok: false, code: 'unsupported-content-encoding' };
  }
  return readBody(await request.body(limits.bodyBytes), limits);
}

function isFormUrlEncoded(contentType: string | undefined): boolean {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() === 'application/x-www-form-urlencoded';
}

function readQuery(target: string, limits: ReadLimits): FieldsRead {
  const start = target.indexOf('?');
  const query = start < 0 ? '' : target.slice(start + 1);
  if (query.length > limits.queryBytes) return { ok: false, code: 'query-too-long' };
  return decodeForm(asOneCharacterPerByte(query), limits.fields) ?? { ok: false, code: 'query-too-long' };
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
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  return decodeForm(text, limits.fields) ?? { ok: false, code: 'body-too-large' };
}

/** Servers hand a request line over as one character a byte; a string that holds more was decoded on the way. */
function asOneCharacterPerByte(text: string): string {
  return /[^\u0000-\u00ff]/.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

function decodeForm(form: string, limit: number): FieldsRead | undefined {
  const fields = readForm(form, limit);
  return fields && { ok: true, ...fields };
}

/** Decodes application/x-www-form-urlencoded, one character a byte. `undefined`: more than `limit` fields. */
export function readForm(form: string, limit: number): ReceivedFields | undefined {
  const collector = new FieldCollector(() => form.replace(/[^\u0021-\u007e]/g, percentEncode));
  let count = 0;
  for (let start = 0; start <= form.length; ) {
    let end = form.indexOf('&', start);
    if (end < 0) end = form.length;
    if (end > start) {
      if (++count > limit) return undefined;
      let equals = form.indexOf('=', start);
      if (equals < 0 || equals > end) equals = end;
      const rawName = form.slice(start, equals);
      collector.add(decodeComponent(rawName) ?? rawName, form.slice(equals + 1, end));
    }
    start = end + 1;
  }
  return collector.done();
}

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
  return { ok: true, ...collector.done() };
}

function encodeForm(pairs: ReadonlyArray<readonly [string, string]>): string {
  return pairs
    .map(([name, value]) => `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(value.toWellFormed())}`)
    .join('&');
}

/** `undefined` where the text is no percent-encoded UTF-8. */
function decodeComponent(raw: string): string | undefined {
  if (!/[%+\u0080-\u00ff]/.test(raw)) return raw;
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

const known: ReadonlySet<string> = new Set(knownFieldNames);

function isKnown(name: string): name is KnownFieldName {
  return known.has(name);
}

class FieldCollector {
  readonly received: Array<readonly [string, string]> = [];
  readonly #known: KnownFields = Object.create(null);
  readonly #issues: Issue[] = [];
  readonly #raw: () => string;

  constructor(raw: () => string) {
    this.#raw = raw;
  }

  /** Takes a name and the value's undecoded text. */
  add(name: string, rawValue: string): void {
    const value = decodeComponent(rawValue);
    this.received.push([name, value ?? rawValue]);
    const field = foldName(name);
    if (value !== undefined) {
      this.#keep(name, field, value);
    } else if (isKnown(field)) {
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
    const field = foldName(name);
    if (typeof value === 'string') {
      this.received.push([name, value]);
      // A parser writes U+FFFD for what it could not decode: nobody can tell it from a changed value.
      if (isKnown(field) && value.includes('\ufffd')) {
        this.#refuse('altered-by-parser', field, `was decoded with losses by ${parser}`);
      } else {
        this.#keep(name, field, value);
      }
    } else if (isKnown(field)) {
      if (Array.isArray(value)) this.#refuse('repeated-field', field, 'occurs more than once');
      else this.#refuse('altered-by-parser', field, `is no string after ${parser}`);
    }
  }

  done(): ReceivedFields {
    return { known: this.#known, received: this.received, issues: this.#issues, raw: this.#raw };
  }

  #keep(name: string, field: string, value: string): void {
    if (value.includes('\0') || name.includes('\0')) {
      this.#refuse('nul-character', isKnown(field) ? field : undefined, 'holds a NUL character');
    } else if (isKnown(field)) {
      if (this.#known[field] === undefined) this.#known[field] = value;
      else this.#refuse('repeated-field', field, 'occurs more than once');
    }
  }

  #refuse(code: FailureCode, field: string | undefined, what: string): void {
    this.#issues.push(
      field === undefined ? { code, message: `a field ${what}` } : { code, field, message: `${field} ${what}` },
    );
  }
}
