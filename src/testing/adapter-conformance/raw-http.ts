import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** One HTTP reply, as received. */
export interface RawReply {
  readonly status: number;
  /**
   * Header values by lower-case name. The letter case and the order of headers, and the reason phrase, are the host's.
   * So are the headers that are left out here: `Date`, `Server`, `X-Powered-By`, `Vary` and those of the connection.
   */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * The ways in which a host may differ, and which no adapter can change:
 * - `trace`: it answers TRACE itself, with an error.
 * - `head-length`: its reply to HEAD has no `Content-Length`.
 * - `reply-length`: it sends replies in chunks, without `Content-Length`.
 * - `open-connection`: it keeps the connection open after it refused a body that is still arriving.
 * - `whole-body`: it reads the whole body before it calls the adapter.
 * - `text-body`: it makes text of the body.
 * - `query-escapes`: it writes the escapes of the query anew, such as `%5b` as `%5B`.
 */
export type HostLimit =
  | 'trace'
  | 'head-length'
  | 'reply-length'
  | 'open-connection'
  | 'whole-body'
  | 'text-body'
  | 'query-escapes';

const longestWait = 5_000;
const ofTheHost = /^(?:date|server|x-powered-by|vary|connection|keep-alive)$/;

/** A connection that sends the given bytes unchanged and reads replies one by one. */
export class RawConnection {
  readonly #socket: Socket;
  readonly #limits: readonly HostLimit[];
  #received = Buffer.alloc(0);
  #isOver = false;
  #isLast = false;
  /** Called when bytes arrive, or when the connection is closed. */
  #wake = () => {};

  private constructor(socket: Socket, limits: readonly HostLimit[]) {
    this.#socket = socket;
    this.#limits = limits;
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#isOver = true;
      this.#wake();
    });
  }

  /** Connects to the server of a URL. If its host leaves out parts of a reply, they are added to the reply. */
  static async to(url: string, limits: readonly HostLimit[] = []): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname.replace(/^\[|\]$/g, ''));
    await once(socket, 'connect');
    socket.setNoDelay(true);
    return new RawConnection(socket, limits);
  }

  /** Sends text (as UTF-8) or bytes, and nothing else. */
  send(data: string | Uint8Array): void {
    this.#socket.write(data);
  }

  /** Whether nothing has arrived after a short wait. */
  async isSilent(milliseconds = 50): Promise<boolean> {
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    return this.#received.length === 0;
  }

  /**
   * Reads the next reply. Rejects if it is not complete within five seconds, so that a hanging server fails the case.
   * @param toMethod the method of the request: a reply to HEAD has no body
   */
  async reply(toMethod = 'POST'): Promise<RawReply> {
    const end = await this.#until(() => this.#received.indexOf('\r\n\r\n'));
    const [statusLine = '', ...lines] = this.#take(end + 4)
      .toString('latin1')
      .trimEnd()
      .split('\r\n');
    const status = Number(statusLine.split(' ')[1]);
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const [, name = '', value = ''] = /^([^:]+): ?(.*)$/.exec(line) ?? [];
      const lower = name.toLowerCase();
      if (lower === 'connection' && /close/i.test(value)) this.#isLast = true;
      const before = headers[lower];
      if (!ofTheHost.test(lower)) headers[lower] = before === undefined ? value : `${before}, ${value}`;
    }
    const isEmpty = toMethod === 'HEAD' || status === 204 || status < 200;
    const body = isEmpty ? '' : (await this.#body(headers)).toString('utf8');
    return { status, headers: this.#madeGood(headers, toMethod, body), body };
  }

  async #body(headers: Readonly<Record<string, string>>): Promise<Buffer> {
    if (headers['transfer-encoding'] === 'chunked') return this.#chunks();
    const length = Number(headers['content-length']);
    if (Number.isNaN(length)) throw new Error('the reply has a body and no Content-Length');
    return this.#bytes(length);
  }

  async #chunks(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for (;;) {
      const end = await this.#until(() => this.#received.indexOf('\r\n'));
      const length = Number.parseInt(this.#take(end + 2).toString('latin1'), 16);
      const chunk = await this.#bytes(length + 2);
      if (length === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, length));
    }
  }

  /** Adds the length that the host is known to leave out. */
  #madeGood(headers: Record<string, string>, toMethod: string, body: string): Record<string, string> {
    const { 'transfer-encoding': coding, 'content-length': length, ...others } = headers;
    const isChunked = coding === 'chunked' && this.#limits.includes('reply-length');
    const isWithout = toMethod === 'HEAD' && length === undefined && this.#limits.includes('head-length');
    return isChunked || isWithout ? { ...others, 'content-length': `${Buffer.byteLength(body)}` } : headers;
  }

  async #bytes(length: number): Promise<Buffer> {
    await this.#until(() => (this.#received.length >= length ? 0 : -1));
    return this.#take(length);
  }

  #take(length: number): Buffer {
    const taken = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return taken;
  }

  /** Reads no more of the next reply than its status. `undefined`: the server closed the connection instead. */
  async statusOnly(): Promise<number | undefined> {
    try {
      const end = await this.#until(() => this.#received.indexOf('\r\n'));
      return Number(this.#received.subarray(0, end).toString('latin1').split(' ')[1]);
    } catch (error) {
      if (this.#isOver) return undefined;
      throw error;
    }
  }

  /** Whether the server has closed the connection, or said that it will. */
  get isClosed(): boolean {
    return this.#isOver || this.#isLast;
  }

  /** Resolves when the server has closed the connection. Rejects if it does not within five seconds. */
  async closed(): Promise<void> {
    const giveUpAt = performance.now() + longestWait;
    while (!this.#isOver) {
      if (performance.now() > giveUpAt) throw new Error('the server did not close the connection');
      await this.#change(giveUpAt);
    }
  }

  async #until(find: () => number): Promise<number> {
    const giveUpAt = performance.now() + longestWait;
    for (;;) {
      const found = find();
      if (found >= 0) return found;
      if (this.#isOver) throw new Error('the server closed the connection before its reply was complete');
      if (performance.now() > giveUpAt) throw new Error('the server did not answer within five seconds');
      await this.#change(giveUpAt);
    }
  }

  #change(giveUpAt: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, giveUpAt - performance.now() + 1);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Destroys the connection. */
  destroy(): void {
    this.#socket.destroy();
  }
}

/** One request for {@link encodeRequest}. */
export interface RawRequest {
  /** Default: `POST`. */
  readonly method?: string;
  /** Path and query, one character for each byte. */
  readonly target: string;
  /** Headers in addition to `Host`. The default content type of a POST is that of forms. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent with its length. An array is sent in chunks. */
  readonly body?: string | Uint8Array | readonly string[];
}

/** Encodes a request as bytes. */
export function encodeRequest({ method = 'POST', target, headers = {}, body }: RawRequest): Buffer {
  const names = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const lines = [`${method} ${target} HTTP/1.1`, 'Host: shop.example'];
  if (method === 'POST' && !names.has('content-type')) lines.push('Content-Type: application/x-www-form-urlencoded');
  for (const [name, value] of Object.entries(headers)) if (value !== '') lines.push(`${name}: ${value}`);
  const content = contentOf(body);
  if (Array.isArray(body)) lines.push('Transfer-Encoding: chunked');
  else if (body !== undefined && !names.has('content-length')) lines.push(`Content-Length: ${content.length}`);
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), content]);
}

function contentOf(body: RawRequest['body']): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  if (typeof body === 'string') return Buffer.from(body);
  if (body instanceof Uint8Array) return Buffer.from(body);
  const chunks = body.map((chunk) => `${Buffer.byteLength(chunk).toString(16)}\r\n${chunk}\r\n`);
  return Buffer.from(`${chunks.join('')}0\r\n\r\n`);
}
