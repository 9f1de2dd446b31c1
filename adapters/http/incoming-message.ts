import type { BodyRead, CallbackReply, CallbackRequest } from '../../src/model/callback-request.js';

/** What the adapters use of Node's `http.IncomingMessage`, which Express's and Koa's requests are, or hold. */
export interface IncomingMessageLike {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly socket: { readonly remoteAddress?: string | undefined };
  readonly readableDidRead: boolean;
  readonly readableEnded: boolean;
  readonly destroyed: boolean;
  on(event: 'data', listener: (chunk: Uint8Array | string) => void): unknown;
  on(event: 'end' | 'close' | 'error', listener: () => void): unknown;
}

/** Where something upstream left the body: its result, and the bytes or the text that it kept. */
export interface ParsedBody {
  readonly body?: unknown;
  readonly rawBody?: unknown;
}

/** Makes the seam's request of a Node request. `target` is the URL before any router cut it. */
export function toCallbackRequest(
  message: IncomingMessageLike,
  target: string,
  parsed: ParsedBody,
  native: unknown,
): CallbackRequest {
  return {
    method: message.method ?? '',
    target,
    header: (name) => {
      const value = message.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    body: (limit) => readBody(message, parsed, limit),
    remoteAddress: message.socket.remoteAddress,
    native,
  };
}

/** The headers of a reply with the length of its body. A 204 has neither. */
export function headersWithLength({ status, headers, body }: CallbackReply): Readonly<Record<string, string>> {
  return status === 204 ? headers : { ...headers, 'Content-Length': String(Buffer.byteLength(body)) };
}

/**
 * Finds the body wherever it is: in the stream if nobody read it, else in what a body parser left. Whether a parser
 * ran cannot be told from `body` being there: Express 4 sets `{}` for content that its parser passed over.
 */
function readBody(message: IncomingMessageLike, parsed: ParsedBody, limit: number): BodyRead | Promise<BodyRead> {
  if (Number(message.headers['content-length']) > limit) return { kind: 'too-large', limit };
  if (!message.readableDidRead && !message.readableEnded) return readStream(message, limit);
  const { body, rawBody } = parsed;
  for (const kept of [rawBody, body]) {
    if (kept instanceof Uint8Array) return { kind: 'bytes', bytes: kept };
    if (typeof kept === 'string') return { kind: 'text', text: kept };
  }
  const fields = typeof body === 'object' && body !== null ? Object.entries(body) : [];
  if (fields.length > 0) return { kind: 'fields', fields, parser: 'the body parser that ran before the handler' };
  const hint =
    'something in front of the handler read the request stream (a body parser, a logger, a proxy) and left no fields; mount the handler before it';
  return { kind: 'consumed', hint };
}

const decodedInFront =
  'something in front of the handler called setEncoding() on the request: its bytes are lost; mount the handler before it';

function readStream(message: IncomingMessageLike, limit: number): BodyRead | Promise<BodyRead> {
  if (message.destroyed) return { kind: 'aborted' };
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    // The listeners go with the request. They stay until then: one that is reset later must not bring an unheard
    // 'error' up, and what is left of one that is too large is let go of.
    message.on('data', (chunk) => {
      if (typeof chunk === 'string') return resolve({ kind: 'consumed', hint: decodedInFront });
      length += chunk.byteLength;
      if (length <= limit) {
        chunks.push(chunk);
      } else {
        chunks.length = 0;
        resolve({ kind: 'too-large', limit });
      }
    });
    message.on('end', () => {
      const [first] = chunks;
      resolve({ kind: 'bytes', bytes: chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks) });
    });
    const onGone = () => resolve({ kind: 'aborted' });
    message.on('close', onGone);
    message.on('error', onGone);
  });
}
