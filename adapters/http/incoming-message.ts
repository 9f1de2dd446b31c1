import type { BodyRead, CallbackEndpoint, CallbackReply, CallbackRequest } from '../../src/model/callback-request.js';

/** The part of Node's `http.IncomingMessage` that the adapters use. Express's and Koa's requests are one, or hold one. */
export interface IncomingMessageLike {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly httpVersionMajor?: number;
  readonly socket: { readonly remoteAddress?: string | undefined };
  /** Whether the whole message was received. */
  readonly complete?: boolean;
  readonly readableDidRead: boolean;
  readonly readableEnded: boolean;
  readonly destroyed: boolean;
  on(event: 'data', listener: (chunk: Uint8Array | string) => void): unknown;
  on(event: 'end' | 'close' | 'error', listener: () => void): unknown;
  pause?(): unknown;
  resume?(): unknown;
  destroy?(): unknown;
  /** The stream of the request and its reply, in HTTP/2 only. */
  readonly stream?: { close?(code: number): unknown } | undefined;
}

/** The part of Node's `http.ServerResponse` that the adapters use. */
export interface ServerResponseLike {
  readonly headersSent?: boolean;
  writeHead(status: number, headers: Readonly<Record<string, string>>): unknown;
  write?(body: string): unknown;
  end(): unknown;
  end(body: string): unknown;
  destroy?(): unknown;
  on?(event: 'error', listener: (error: unknown) => void): unknown;
}

/** The properties in which code in front may have left the body: its fields, and the bytes or the text that it kept. */
export interface ParsedBody {
  readonly body?: unknown;
  readonly rawBody?: unknown;
}

/** The error of a reply that is dropped because other code has answered the request. */
export class AlreadyAnswered extends Error {
  override readonly name = 'AlreadyAnswered';
  override readonly message = 'the request was answered by other code, such as a time-out, before its reply was ready';
}

/** Makes the request of the seam. `target` is the URL before any router cut it. */
export function toCallbackRequest(
  message: IncomingMessageLike,
  target: string,
  parsed: readonly ParsedBody[],
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

/**
 * Dispatches a request and writes its reply. Never rejects: an error while the reply is written is passed to the
 * endpoint, and the connection is closed, so that the sender does not wait.
 */
export async function serve(
  endpoint: CallbackEndpoint,
  message: IncomingMessageLike,
  response: ServerResponseLike,
  toRequest: () => CallbackRequest,
  write: (reply: CallbackReply) => void = (reply) => writeReply(message, response, reply),
): Promise<void> {
  // Other code may write to a response that has ended. Without a listener, the error would end the process.
  response.on?.('error', (error) => tellReplyFailed(endpoint, error));
  try {
    const reply = await endpoint.dispatch(toRequest());
    // When Node has read the packet with the head, a small body in the same packet is complete.
    if (!isComplete(message)) await new Promise(setImmediate);
    if (response.headersSent) throw new AlreadyAnswered();
    write(reply);
  } catch (error) {
    tellReplyFailed(endpoint, error);
    try {
      if (!(error instanceof AlreadyAnswered)) response.destroy?.();
    } catch {
      // The connection is closed already.
    }
  }
}

/** Tells an endpoint that its reply was not written. Never throws. */
export function tellReplyFailed(endpoint: CallbackEndpoint, error: unknown): void {
  try {
    endpoint.replyFailed?.(error);
  } catch {
    // The hook failed as well, and nothing else can report the error.
  }
}

/** The headers of a reply with the length of its body. A 204 has no length. */
export function headersWithLength({ status, headers, body }: CallbackReply): Readonly<Record<string, string>> {
  return status === 204 ? headers : { ...headers, 'Content-Length': String(Buffer.byteLength(body)) };
}

/** Whether the rest of the body will not come. A host that has read the body may leave `complete` out. */
export function isComplete(message: IncomingMessageLike): boolean {
  return message.complete !== false || message.destroyed;
}

/** Writes a reply. If the body of the request is still coming, the connection is closed and not read on. */
export function writeReply(message: IncomingMessageLike, response: ServerResponseLike, reply: CallbackReply): void {
  const headers = headersWithLength(reply);
  if (isComplete(message)) {
    response.writeHead(reply.status, headers);
    response.end(reply.body);
    return;
  }
  // HTTP/2 does not have this header, and refuses it.
  const isHttp1 = message.httpVersionMajor === undefined || message.httpVersionMajor < 2;
  response.writeHead(reply.status, isHttp1 ? { ...headers, Connection: 'close' } : headers);
  if (reply.body !== '') response.write?.(reply.body);
  drain(message, () => {
    response.end();
    // Closed later: if a stream of HTTP/2 is closed in the turn that ends it, Node 20 and 22 can loop for ever.
    setImmediate(() => (isHttp1 ? message.destroy?.() : message.stream?.close?.(cancel)));
  });
}

/**
 * CANCEL of HTTP/2. Node sends NO_ERROR only after the next frame of the sender. A sender of a long body waits until it may
 * go on, and sends none.
 */
const cancel = 8;

/** The bounds on reading the rest of a refused body. A sender that is still writing reads the reply only after that. */
const drainMilliseconds = 500;
const drainBytes = 65_536;

/** A connection that is closed with unread bytes is reset, and its sender may lose the reply. */
function drain(message: IncomingMessageLike, done: () => void): void {
  let length = 0;
  const timer = setTimeout(done, drainMilliseconds);
  const finish = () => {
    clearTimeout(timer);
    done();
  };
  message.on('data', (chunk) => {
    length += chunk.length;
    if (length > drainBytes) message.pause?.();
  });
  message.on('end', finish);
  message.on('close', () => clearTimeout(timer));
  message.on('error', () => {});
  message.resume?.();
}

/**
 * Finds the body: in the stream if it is unread, otherwise in the properties that a body parser set. The property
 * `body` does not tell whether a parser ran: Express 4 sets `{}` for content that its parser does not handle.
 */
function readBody(
  message: IncomingMessageLike,
  parsed: readonly ParsedBody[],
  limit: number,
): BodyRead | Promise<BodyRead> {
  const { 'content-length': length } = message.headers;
  if (Number(length) > limit) return { kind: 'too-large', limit };
  if (length === '0') return { kind: 'text', text: '' };
  if (!message.readableDidRead && !message.readableEnded) return readStream(message, limit);
  for (const kept of [...parsed.map(({ rawBody }) => rawBody), ...parsed.map(({ body }) => body)]) {
    if (kept instanceof Uint8Array) return { kind: 'bytes', bytes: kept };
    if (typeof kept === 'string') return { kind: 'text', text: kept };
  }
  for (const { body } of parsed) {
    const fields = typeof body === 'object' && body !== null ? Object.entries(body) : [];
    if (fields.length > 0) return { kind: 'fields', fields, parser: 'the body parser that ran before the handler' };
  }
  const hint =
    'code in front of the handler read the request stream (a body parser, a logger, a proxy) and left no fields; mount the handler before it';
  return { kind: 'consumed', hint };
}

const decodedInFront =
  'code in front of the handler called setEncoding() on the request, which loses its bytes; mount the handler before it';

function readStream(message: IncomingMessageLike, limit: number): BodyRead | Promise<BodyRead> {
  if (message.destroyed) return { kind: 'aborted' };
  return new Promise((resolve) => {
    let chunks: Uint8Array[] = [];
    let length = 0;
    // The listeners stay as long as the request: a later reset must not cause an unhandled 'error' event. They do not
    // keep the body, because the request may wait for a long time.
    let pending: typeof resolve | undefined = resolve;
    const settle = (read: BodyRead) => {
      pending?.(read);
      pending = undefined;
      chunks = [];
    };
    message.on('data', (chunk) => {
      if (!ArrayBuffer.isView(chunk)) return settle({ kind: 'consumed', hint: decodedInFront });
      length += chunk.byteLength;
      if (length > limit) settle({ kind: 'too-large', limit });
      else if (pending !== undefined) chunks.push(chunk);
    });
    const settleWhole = () => {
      const [first] = chunks;
      settle({ kind: 'bytes', bytes: chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks) });
    };
    // In HTTP/2, a body that the sender cancels ends like a whole one. Only `close` follows at once.
    message.on('end', () => (message.stream === undefined ? settleWhole() : setImmediate(settleWhole)));
    const onGone = () => settle({ kind: 'aborted' });
    message.on('close', onGone);
    message.on('error', onGone);
  });
}
