import { isThenable } from '../async/wait.js';
import type { ReplyCode } from '../errors.js';
import type { BodyRead, CallbackRequest } from '../model/callback-request.js';
import type { Issue } from '../model/issue.js';
import { type KnownFieldName, type KnownFields, knownFieldNames } from '../protocol/fields.js';
import { decodeComponent, FormPairs, percentEncode } from './form-pairs.js';

/** What one request carried. */
export interface ReceivedFields {
  readonly known: Readonly<KnownFields>;
  /** Every name and value in the order of the wire, decoded where it could be. */
  readonly received: ReadonlyArray<readonly [name: string, value: string]>;
  readonly issues: readonly Issue[];
  /** The form as printable ASCII, for the record of the callback. Holds the proofs. */
  raw(): string;
}

type ReceivedPairs = () => ReceivedFields['received'];

/** The limits that {@link readFields} keeps. */
export interface ReadLimits {
  readonly bodyBytes: number;
  readonly queryBytes: number;
  readonly fields: number;
}

/** The fields of a request, or the reason why there are none. `detail` is for the log. */
export type FieldsRead =
  | ({ readonly ok: true } & ReceivedFields)
  | { readonly ok: false; readonly code: ReplyCode; readonly detail?: string };

/**
 * Reads the name and value pairs of a callback: from the body of a POST, from the query of a GET, never from both.
 * There is one decoder for every server, because the proofs cover decoded values and body parsers decode differently.
 * Throws or rejects only where the adapter's `body()` does.
 */
export function readFields(request: CallbackRequest, limits: ReadLimits): FieldsRead | Promise<FieldsRead> {
  if (request.method === 'GET') return readQuery(request.target, limits);
  if (!isFormUrlEncoded(request.header('content-type'))) return { ok: false, code: 'unsupported-media-type' };
  const encoding = request.header('content-encoding');
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return { ok: false, code: 'unsupported-content-encoding' };
  }
  const body = request.body(limits.bodyBytes);
  return isThenable(body) ? Promise.resolve(body).then((read) => readBody(read, limits)) : readBody(body, limits);
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
  const collector = new FieldCollector(
    () => form.replace(/[^\u0021-\u007e]/g, percentEncode),
    () => decodedPairs(form),
  );
  const pairs = new FormPairs(form);
  for (let count = 0; pairs.next(); ) {
    if (++count > limit) return undefined;
    if (pairs.isPlain) collector.addPlain(pairs.name, pairs.value);
    else collector.addEncoded(decodeComponent(pairs.name) ?? pairs.name, pairs.value);
  }
  return collector;
}

function decodedPairs(form: string): Array<readonly [string, string]> {
  const decoded: Array<readonly [string, string]> = [];
  for (const pairs = new FormPairs(form); pairs.next(); ) {
    decoded.push([decodeComponent(pairs.name) ?? pairs.name, decodeComponent(pairs.value) ?? pairs.value]);
  }
  return decoded;
}

function readParsedFields(
  fields: Iterable<readonly [string, unknown]>,
  parser: string,
  limits: ReadLimits,
): FieldsRead {
  const pairs: Array<readonly [string, string]> = [];
  const collector = new FieldCollector(
    () => encodeForm(pairs),
    () => pairs,
  );
  let count = 0;
  for (const [name, value] of fields) {
    if (++count > limits.fields) return { ok: false, code: 'body-too-large' };
    if (typeof value === 'string') pairs.push([name, value]);
    collector.addParsed(name, value, parser);
  }
  return collector;
}

function encodeForm(pairs: ReadonlyArray<readonly [string, string]>): string {
  return pairs
    .map(([name, value]) => `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(value.toWellFormed())}`)
    .join('&');
}

/** Folds the letters A to Z only: `K` the Kelvin sign is no `k`. */
function foldName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

const known: ReadonlyMap<string, KnownFieldName> = new Map(knownFieldNames.map((name) => [name, name]));

function knownName(name: string): KnownFieldName | undefined {
  return known.get(name) ?? known.get(foldName(name));
}

/** All of them at once: objects of one shape are read faster than those that grow field by field. */
function noFields(): KnownFields {
  return {
    txnid: undefined,
    merchanttxnid: undefined,
    refno: undefined,
    status: undefined,
    message: undefined,
    digest: undefined,
    signature: undefined,
    signatures: undefined,
    merchantid: undefined,
    param1: undefined,
    param2: undefined,
    amount: undefined,
    ccy: undefined,
    procid: undefined,
    settledate: undefined,
  };
}

/** Collects the fields of one request, and is the result. */
class FieldCollector implements ReceivedFields {
  readonly ok = true;
  readonly known = noFields();
  readonly issues: Issue[] = [];
  readonly raw: () => string;
  readonly #received: ReceivedPairs;

  /** What is only asked for now and then is made when it is asked for. */
  constructor(raw: () => string, received: ReceivedPairs) {
    this.raw = raw;
    this.#received = received;
  }

  get received(): ReceivedFields['received'] {
    return this.#received();
  }

  /** Takes a name and a value that stand for themselves. */
  addPlain(name: string, value: string): void {
    this.#keep(knownName(name), value);
  }

  /** Takes a name and the value's undecoded text. */
  addEncoded(name: string, rawValue: string): void {
    const value = decodeComponent(rawValue);
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

  #refuse(code: ReplyCode, field: string | undefined, what: string): void {
    this.issues.push(
      field === undefined ? { code, message: `a field ${what}` } : { code, field, message: `${field} ${what}` },
    );
  }
}
