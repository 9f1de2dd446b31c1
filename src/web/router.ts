import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBounded } from '../async/read-bounded.js';
import { DragonpayError, type FailureCode } from '../errors.js';

/** The parts of a request that routes use. */
export interface WebRequest {
  readonly method: string;
  readonly query: URLSearchParams;
  header(name: string): string | undefined;
  /** Reads the body as text. Rejects with `body-too-large` if it is over 64 KiB. */
  text(): Promise<string>;
  /** Reads the body as a form. Rejects like `text`. */
  form(): Promise<URLSearchParams>;
}

/** A reply, or a stream that writes itself. */
export type WebReply =
  | { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }
  | { readonly stream: (response: ServerResponse) => void };

/** A route. The handler gets the groups of the path, decoded. */
export type Route = readonly [
  method: 'GET' | 'POST' | 'PUT',
  path: RegExp,
  handle: (request: WebRequest, ...groups: Array<string | undefined>) => WebReply | Promise<WebReply>,
];

/** Routes that share the form of their error replies. */
export interface RouteGroup {
  readonly routes: readonly Route[];
  failure(status: number, code: string, message: string): WebReply;
}

const bodyLimit = 65_536;

/** Errors of the program have no HTTP status. In this router, requests cause them. */
const statusOf: Readonly<Partial<Record<FailureCode, number>>> = {
  'invalid-setting': 400,
  'invalid-details': 400,
  'already-exists': 409,
};

/** Answers a request with the first route that matches. Rejects only with unexpected errors. */
export async function route(groups: readonly RouteGroup[], message: IncomingMessage): Promise<WebReply> {
  const [path = '', search = ''] = splitTarget(message.url ?? '');
  const method = message.method === 'HEAD' ? 'GET' : message.method;
  const request = toWebRequest(message, search);
  for (const { routes, failure } of groups) {
    const fitting = routes.flatMap(([allowed, pattern, handle]) => {
      const match = pattern.exec(path);
      return match === null ? [] : [{ allowed, handle, groups: match.slice(1) }];
    });
    if (fitting.length === 0) continue;
    const found = fitting.find(({ allowed }) => allowed === method);
    if (found === undefined) {
      const allow = fitting.map(({ allowed }) => (allowed === 'GET' ? 'GET, HEAD' : allowed)).join(', ');
      return withHeaders(failure(405, 'method-not-allowed', `the methods of this path are ${allow}`), { Allow: allow });
    }
    try {
      return await found.handle(request, ...found.groups.map(decode));
    } catch (error) {
      if (!DragonpayError.is(error)) throw error;
      return failure(error.status ?? statusOf[error.code] ?? 500, error.code, error.message);
    }
  }
  return groups.at(-1)?.failure(404, 'not-found', 'there is no such page') ?? text(404, 'not found');
}

function splitTarget(target: string): [string, string] {
  const at = target.indexOf('?');
  return at < 0 ? [target, ''] : [target.slice(0, at), target.slice(at + 1)];
}

/** @throws DragonpayError `not-found` */
function decode(group: string | undefined): string | undefined {
  try {
    if (group === undefined) return undefined;
    return decodeURIComponent(group);
  } catch {
    throw new DragonpayError('not-found', 'the path contains a malformed percent escape');
  }
}

function toWebRequest(message: IncomingMessage, search: string): WebRequest {
  const text = async () => {
    const { bytes, isWhole } = await readBounded(message, bodyLimit, 'drain');
    if (!isWhole) throw new DragonpayError('body-too-large', 'the body is over 64 KiB');
    return bytes.toString('utf8');
  };
  return {
    method: message.method ?? '',
    query: new URLSearchParams(search),
    header: (name) => {
      const value = message.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    text,
    form: async () => new URLSearchParams(await text()),
  };
}

/** Writes a reply. */
export function write(reply: WebReply, response: ServerResponse, isHead: boolean): void {
  if ('stream' in reply) {
    if (isHead) response.writeHead(200).end();
    else reply.stream(response);
    return;
  }
  response.writeHead(reply.status, {
    'Content-Length': String(Buffer.byteLength(reply.body)),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...reply.headers,
  });
  response.end(isHead ? '' : reply.body);
}

/** A JSON reply. */
export function json(value: unknown, status = 200): WebReply {
  return jsonText(JSON.stringify(value), status);
}

/** A reply of text that is JSON already. */
export function jsonText(body: string, status = 200): WebReply {
  return { status, headers: { 'Content-Type': 'application/json; charset=utf-8' }, body };
}

/** A reply of plain text. */
export function text(status: number, body: string): WebReply {
  return { status, headers: { 'Content-Type': 'text/plain; charset=utf-8' }, body };
}

/** A redirect that the browser follows with a GET. */
export function seeOther(location: string): WebReply {
  return { status: 303, headers: { Location: location, 'Referrer-Policy': 'no-referrer' }, body: '' };
}

/** Adds headers to a reply. */
export function withHeaders(reply: WebReply, headers: Readonly<Record<string, string>>): WebReply {
  return 'stream' in reply ? reply : { ...reply, headers: { ...reply.headers, ...headers } };
}
