import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** One HTTP reply, as received. */
export interface RawReply {
  readonly status: number;
  /** Status line and header lines, in order, without `Date` and the headers of the connection. */
  readonly head: readonly string[];
  readonly body: string;
}

const longestWait = 5_000;
const ofTheConnection = /^(?:date|connection|keep-alive):/i;

/** A connection that sends the given bytes unchanged and reads replies one by one. */
export class RawConnection {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #isOver = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#isOver = true;
    });
  }

  /** Connects to the server of a URL. */
  static async to(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname.replace(/^\[|\]$/g, ''));
    await once(socket, 'connect');
    socket.setNoDelay(true);
    return new RawConnection(socket);
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
    const lines = this.#received.subarray(0, end).toString('latin1').split('\r\n');
    const status = Number(lines[0]?.split(' ')[1]);
    const header = (name: string) =>
      lines.find((line) => line.toLowerCase().startsWith(`${name}: `))?.slice(name.length + 2);
    if (header('transfer-encoding') !== undefined) throw new Error('the reply has no Content-Length, but chunks');
    const isEmpty = toMethod === 'HEAD' || status === 204 || status < 200;
    const length = isEmpty ? 0 : Number(header('content-length'));
    if (Number.isNaN(length)) throw new Error('the reply has a body and no Content-Length');
    const start = end + 4;
    await this.#until(() => (this.#received.length >= start + length ? 0 : -1));
    const body = this.#received.subarray(start, start + length).toString('utf8');
    this.#received = this.#received.subarray(start + length);
    return { status, head: lines.filter((line) => !ofTheConnection.test(line)), body };
  }

  /** Resolves when the server has closed the connection. Rejects if it does not within five seconds. */
  async closed(): Promise<void> {
    const giveUpAt = performance.now() + longestWait;
    while (!this.#isOver) {
      if (performance.now() > giveUpAt) throw new Error('the server did not close the connection');
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  async #until(find: () => number): Promise<number> {
    const giveUpAt = performance.now() + longestWait;
    for (;;) {
      const found = find();
      if (found >= 0) return found;
      if (this.#isOver) throw new Error('the server closed the connection before its reply was complete');
      if (performance.now() > giveUpAt) throw new Error('the server did not answer within five seconds');
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
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
