import { isThenable } from '../async/wait.js';
import type { ReplyCode } from '../errors.js';
import type { BodyRead, CallbackRequest } from '../model/callback-request.js';
import { FieldCollector, type ReceivedFields } from './field-collector.js';
import { decodeComponent, decodeLeftovers, FormPairs, percentEncode } from './form-pairs.js';

/** The limits that {@link readFields} keeps. */
export interface ReadLimits {
  readonly bodyBytes: number;
  readonly queryBytes: number;
  readonly fields: number;
}

/** The fields of a request, or the code of the refusal. `detail` is for the log. */
export type FieldsRead =
  | ({ readonly ok: true } & ReceivedFields)
  | { readonly ok: false; readonly code: ReplyCode; readonly detail?: string };

/**
 * Reads the name and value pairs of a callback: from the body of a POST, from the query of a GET, never from both.
 * All servers share this decoder, because the proofs cover decoded values and body parsers decode differently.
 * Throws or rejects only where the adapter's `body()` does.
 */
export function readFields(request: CallbackRequest, limits: ReadLimits): FieldsRead | Promise<FieldsRead> {
  if (request.method === 'GET') return readQuery(request.target, limits);
  if (!isFormUrlEncoded(request.header('content-type'))) return { ok: false, code: 'unsupported-media-type' };
  const encoding = request.header('content-encoding')?.trim().toLowerCase();
  if (encoding !== undefined && encoding !== '' && encoding !== 'identity') {
    return { ok: false, code: 'unsupported-content-encoding' };
  }
  const body = request.body(limits.bodyBytes);
  const finish = (read: BodyRead) => withoutQuery(readBody(read, limits), request.target, limits);
  return isThenable(body) ? Promise.resolve(body).then(finish) : finish(body);
}

/** Explains a missing id if the query has it: the query of a POST is not read, because it is written into logs. */
function withoutQuery(fields: FieldsRead, target: string, limits: ReadLimits): FieldsRead {
  if (!fields.ok || fields.issues.length > 0 || hasId(fields) || !target.includes('?')) return fields;
  const query = readQuery(target, limits);
  if (!query.ok || !hasId(query)) return fields;
  const message = 'the body holds no txnid or merchantTxnId; the query of a POST is not read';
  return { ...fields, issues: [{ code: 'missing-field', field: 'txnid', message }] };
}

function hasId({ known: { txnid, merchanttxnid } }: ReceivedFields): boolean {
  return txnid !== undefined || merchanttxnid !== undefined;
}

const formUrlEncoded = 'application/x-www-form-urlencoded';

/**
 * A POST without a content type is read as a form: the proofs decide whether it is one. If there are several types, the
 * first one counts: Node keeps only the first of two headers, and other hosts join them.
 */
function isFormUrlEncoded(contentType = ''): boolean {
  if (contentType === formUrlEncoded) return true;
  const mediaType = contentType.split(/[;,]/, 1)[0]?.trim().toLowerCase();
  return mediaType === formUrlEncoded || mediaType === '';
}

function readQuery(target: string, limits: ReadLimits): FieldsRead {
  const start = target.indexOf('?');
  const query = start < 0 ? '' : target.slice(start + 1);
  if (query.length > limits.queryBytes) return { ok: false, code: 'query-too-long' };
  return readForm(withoutFrame(asOneCharacterPerByte(query)), limits.fields) ?? { ok: false, code: 'query-too-long' };
}

function readBody(body: BodyRead, limits: ReadLimits): FieldsRead {
  switch (body.kind) {
    case 'bytes':
      return readBytes(body.bytes, limits);
    case 'text':
      return readBytes(Buffer.from(body.text, 'utf8'), limits, 'the body parser in front');
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

function readBytes(bytes: Uint8Array, limits: ReadLimits, decoder?: string): FieldsRead {
  if (bytes.byteLength > limits.bodyBytes) return { ok: false, code: 'body-too-large' };
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString('latin1');
  return readForm(withoutFrame(text), limits.fields, decoder) ?? { ok: false, code: 'body-too-large' };
}

/** Servers pass the request line as one character per byte. A string with other characters was decoded before. */
function asOneCharacterPerByte(text: string): string {
  return /[^\u0000-\u00ff]/.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

/**
 * Decodes application/x-www-form-urlencoded, one character per byte. `undefined`: more than `limit` fields. Reading the
 * form that `raw()` returns gives the same fields again: the inbox depends on that.
 * @param decoder the code that made text of the bytes, if other code did
 */
export function readForm(
  form: string,
  limit: number,
  decoder?: string,
): (ReceivedFields & { readonly ok: true }) | undefined {
  const collector = new FieldCollector();
  const pairs = new FormPairs(form);
  const isLong = form.length > longForm;
  for (let count = 0; pairs.next(); ) {
    if (++count > limit) return undefined;
    if (pairs.isPlain) collector.addPlain(pairs.name, isLong ? copied(pairs.value) : pairs.value);
    else collector.addEncoded(pairs.isNamePlain ? pairs.name : decodedOrEscaped(pairs.name), pairs.value, decoder);
  }
  return collector.finish(form, escaped, decodedPairs);
}

/** The values of a longer form are copied, in characters. Genuine callbacks are shorter. */
const longForm = 1_024;

/** Copies a text. A part of a string would keep the whole string in memory. */
function copied(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

/** Removes a byte order mark and line ends in front of a form, and line ends behind it. They cannot be part of a form. */
function withoutFrame(document: string): string {
  const last = document.charCodeAt(document.length - 1);
  // A byte order mark, a percent sign or a line end.
  const isFramed = last === 0x0a || last === 0x0d || [0xef, 0x25, 0x0a, 0x0d].includes(document.charCodeAt(0));
  if (!isFramed) return document;
  return document.replace(/^(?:\u00ef\u00bb\u00bf|%ef%bb%bf)?(?:[\r\n]|%0[ad])*/i, '').replace(lineEnds, '');
}

const lineEnds = /[\r\n]+$/;

function decodedPairs(form: string): Array<readonly [string, string]> {
  const decoded: Array<readonly [string, string]> = [];
  for (const pairs = new FormPairs(form); pairs.next(); ) {
    decoded.push([decodedOrEscaped(pairs.name), decodedOrEscaped(pairs.value)]);
  }
  return decoded;
}

/**
 * Bytes that are not UTF-8 stay escaped. If they came unescaped, they are escaped, as in the record of the callback.
 */
function decodedOrEscaped(raw: string): string {
  return decodeComponent(raw) ?? escaped(raw);
}

function escaped(form: string): string {
  return form.replace(/[^\u0021-\u007e]/g, percentEncode);
}

type ParsedPair = readonly [name: string, value: unknown];
type ParsedPairs = readonly ParsedPair[];

function readParsedFields(fields: Iterable<ParsedPair>, parser: string, limits: ReadLimits): FieldsRead {
  const pairs: ParsedPair[] = [];
  let count = 0;
  let bytes = 0;
  for (const pair of fields) {
    count += occurrences(pair[1]);
    bytes += leastBytes(pair);
    if (count > limits.fields || bytes > limits.bodyBytes + 1) return { ok: false, code: 'body-too-large' };
    pairs.push(pair);
  }
  const [first = pairs, ...others] = readingsOfParsed(pairs);
  const otherwise = others.map((reading) => collectParsed(reading, parser));
  return { ...collectParsed(first, parser), ...(otherwise.length > 0 && { otherwise }) };
}

/** The minimum number of fields in the form from which a parser made this value. */
function occurrences(value: unknown): number {
  return typeof value === 'object' && value !== null ? Math.max(Object.keys(value).length, 1) : 1;
}

/** The minimum number of bytes of a field and of the ampersand behind it. */
function leastBytes([name, value]: ParsedPair): number {
  // U+FFFD may have been one byte.
  const bytesOf = (text: string) => Buffer.byteLength(text.replaceAll('\ufffd', '?'));
  return bytesOf(name) + (typeof value === 'string' && value !== '' ? 1 + bytesOf(value) : 0) + 1;
}

/**
 * The values that the form may have had, the likely reading first. The output of a parser does not tell a line end that
 * was escaped from one behind the form. Nor does it tell `%2541` from an escape that the parser left because of a
 * percent sign elsewhere in the value.
 */
function readingsOfParsed(pairs: ParsedPairs): ParsedPairs[] {
  const framed = withoutMark(pairs);
  const readings = new Set([withoutLineEnd(framed), framed]);
  return [...readings].flatMap((reading) => [...new Set([reading, withLeftovers(reading)])]);
}

/** Whether the name has kept its place. Objects list names that are numbers first, wherever they stood in the form. */
const isInOrder = ([name]: ParsedPair) => !/^\d+$/.test(name);

/**
 * Removes a byte order mark and line ends in front of the form. Like the next functions, it returns the same pairs if
 * it changes nothing.
 */
function withoutMark(pairs: ParsedPairs): ParsedPairs {
  const at = pairs.findIndex(isInOrder);
  const [name, value] = pairs[at] ?? [''];
  const framed = name.replace(/^\ufeff?[\r\n]*/, '');
  return framed === name ? pairs : pairs.with(at, [framed, value]);
}

/** Removes line ends behind the form. */
function withoutLineEnd(pairs: ParsedPairs): ParsedPairs {
  const at = pairs.findLastIndex(isInOrder);
  const last = pairs[at];
  if (last === undefined) return pairs;
  const [name, value] = last;
  const trimmed: ParsedPair =
    value === ''
      ? [name.replace(lineEnds, ''), '']
      : [name, typeof value === 'string' ? value.replace(lineEnds, '') : value];
  return trimmed[0] === name && trimmed[1] === value ? pairs : pairs.with(at, trimmed);
}

/** Decodes the escapes that a parser may have left. */
function withLeftovers(pairs: ParsedPairs): ParsedPairs {
  const decoded = pairs.map(
    ([name, value]): ParsedPair => [name, typeof value === 'string' ? decodeLeftovers(value) : value],
  );
  return decoded.some(([, value], index) => value !== pairs[index]?.[1]) ? decoded : pairs;
}

function collectParsed(pairs: ParsedPairs, parser: string): ReceivedFields & { readonly ok: true } {
  const collector = new FieldCollector();
  for (const [name, value] of pairs) collector.addParsed(name, value, parser);
  return { ...collector.finish(pairs, (given) => encodeForm(textsOf(given)), textsOf), isParsed: true };
}

function textsOf(pairs: ParsedPairs): Array<readonly [string, string]> {
  return pairs.flatMap(([name, value]) =>
    [value]
      .flat()
      .filter((one) => typeof one === 'string')
      .map((one) => [name, one] as const),
  );
}

function encodeForm(pairs: ReadonlyArray<readonly [string, string]>): string {
  return pairs
    .map(([name, value]) => `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(value.toWellFormed())}`)
    .join('&');
}
