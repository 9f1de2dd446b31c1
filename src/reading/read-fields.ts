import { isThenable } from '../async/wait.js';
import type { ReplyCode } from '../errors.js';
import type { BodyRead, CallbackRequest } from '../model/callback-request.js';
import { FieldCollector, type ReceivedFields } from './field-collector.js';
import { decodeComponent, FormPairs, percentEncode } from './form-pairs.js';

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

/** A POST without a content type is read as a form: the proofs decide whether it is one. */
function isFormUrlEncoded(contentType = ''): boolean {
  if (contentType === formUrlEncoded) return true;
  const mediaType = contentType.split(';', 1)[0]?.trim().toLowerCase();
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
      // A decoder writes U+FFFD for bytes that it could not decode. The original value is lost, as in parsed fields.
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
  return readForm(withoutFrame(text), limits.fields) ?? { ok: false, code: 'body-too-large' };
}

/** Servers pass the request line as one character per byte. A string with other characters was decoded before. */
function asOneCharacterPerByte(text: string): string {
  return /[^\u0000-\u00ff]/.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

/**
 * Decodes application/x-www-form-urlencoded, one character per byte. `undefined`: more than `limit` fields. Reading the
 * form that `raw()` returns gives the same fields again: the inbox depends on that.
 */
export function readForm(form: string, limit: number): (ReceivedFields & { readonly ok: true }) | undefined {
  const collector = new FieldCollector();
  const pairs = new FormPairs(form);
  for (let count = 0; pairs.next(); ) {
    if (++count > limit) return undefined;
    if (pairs.isPlain) collector.addPlain(pairs.name, pairs.value);
    else collector.addEncoded(decodeComponent(pairs.name) ?? pairs.name, pairs.value);
  }
  return collector.finish(
    () => form.replace(/[^\u0021-\u007e]/g, percentEncode),
    () => decodedPairs(form),
  );
}

/** Removes a byte order mark in front of a form and line ends behind it. Neither can be part of a form. */
function withoutFrame(document: string): string {
  const last = document.charCodeAt(document.length - 1);
  if (last !== 0x0a && last !== 0x0d && document.charCodeAt(0) !== 0xef && document.charCodeAt(0) !== 0x25) {
    return document;
  }
  return document.replace(/^(?:\u00ef\u00bb\u00bf|%ef%bb%bf)/i, '').replace(/[\r\n]+$/, '');
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
  const collector = new FieldCollector();
  let count = 0;
  for (const [name, value] of fields) {
    if (++count > limits.fields) return { ok: false, code: 'body-too-large' };
    const plainName = count === 1 ? name.replace(/^\ufeff/, '') : name;
    if (typeof value === 'string') pairs.push([plainName, value]);
    collector.addParsed(plainName, value, parser);
  }
  return collector.finish(
    () => encodeForm(pairs),
    () => pairs,
  );
}

function encodeForm(pairs: ReadonlyArray<readonly [string, string]>): string {
  return pairs
    .map(([name, value]) => `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(value.toWellFormed())}`)
    .join('&');
}
