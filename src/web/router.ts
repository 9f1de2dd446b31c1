import type { IncomingMessage, ServerResponse } from 'node:http';
import { DragonpayError, type FailureCode } from '../errors.js';

/** A request, as far as the sandbox looks at it. */
export interface WebRequest {
  readonly method: string;
  readonly query: URLSearchParams;
  header(name: string): string | undefined;
  /** The body. @throws DragonpayError `body-too-large` */
  text(): Promise<string>;
  /** The body as a form. */
  form(): Promise<URLSearchParams>;
}

/** A reply, or one that writes itself and goes on. */
export type WebReply =
  | { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }
  | { readonly stream: (response: ServerResponse) => void };

/** One entry of the table of routes. The groups of the path are handed over decoded. */
export type Route = readonly [
  method: 'GET' | 'POST' | 'PUT',
  path: RegExp,
  handle: (request: WebRequest, ...groups: Array<string | undefined>) => WebReply | Promise<WebReply>,
];

/** Routes that fail alike. */
export interface RouteGroup {
  readonly routes: readonly Route[];
  failure(status: number, code: string, message: string): WebReply;
}

const bodyLimit = 65_536;

/** Errors of the program have no HTTP status. Here they come from a request. */
const statusOf: Readonly<Partial<Record<FailureCode, number>>> = {
  'invalid-setting': 400,
  'invalid-details': 400,
  'already-exists': 409,
};

/** Answers a request by the first route that fits. Rejects only where the client went away. */
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
      return withHeaders(failure(405, 'method-not-allowed', `the methods here are ${allow}`), { Allow: allow });
    }
    try {
      return await found.handle(request, ...found.groups.map(decode));
    } catch (error) {
      if (!DragonpayError.is(error)) throw error;
      return failure(error.status ?? statusOf[error.code] ?? 500, error.code, error.message);
    }
  }
  return groups.at(-1)?.failure(404, 'not-found', 'there is nothing here') ?? text(404, 'not found');
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
    throw new DragonpayError('not-found', 'the path holds a malformed percent escape');
  }
}

function toWebRequest(message: IncomingMessage, search: string): WebRequest {
  const text = async () => {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of message as AsyncIterable<Buffer>) {
      length += chunk.byteLength;
      // The rest is read and dropped, so that the client comes to read the answer.
      if (length <= bodyLimit) chunks.push(chunk);
    }
    if (length > bodyLimit) throw new DragonpayError('body-too-large', 'the body is over 64 KiB');
    return Buffer.concat(chunks).toString('utf8');
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

/** A reply of JSON that is written already. */
export function jsonText(body: string, status = 200): WebReply {
  return { status, headers: { 'Content-Type': 'application/json; charset=utf-8' }, body };
}

/** A reply of plain text. */
export function text(status: number, body: string): WebReply {
  return { status, headers: { 'Content-Type': 'text/plain; charset=utf-8' }, body };
}

/** A browser goes on to another page, by GET. */
export function seeOther(location: string): WebReply {
  return { status: 303, headers: { Location: location, 'Referrer-Policy': 'no-referrer' }, body: '' };
}

/** A reply with more headers. */
export function withHeaders(reply: WebReply, headers: Readonly<Record<string, string>>): WebReply {
  return 'stream' in reply ? reply : { ...reply, headers: { ...reply.headers, ...headers } };
}
