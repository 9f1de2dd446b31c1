import type { BodyRead } from '../../src/model/callback-request.js';

/** The part of a Fetch `Request` that says where its body is. */
export interface FetchMessage {
  readonly headers: { get(name: string): string | null };
  readonly body: FetchStream | null;
  readonly bodyUsed: boolean;
}

/** The part of a `ReadableStream` of bytes that is used. */
export interface FetchStream {
  readonly locked: boolean;
  getReader(): FetchReader;
}

interface FetchReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<unknown>;
}

const consumed =
  'code in front of the handler read the body of the Fetch request; mount the handler before it, or let that code read request.clone()';

const decodedInFront =
  'code in front of the handler made something else of the bytes of the body, such as text; mount the handler before it';

/** The body of one request, read as a stream. */
export class FetchBody {
  readonly #message: FetchMessage;
  #reader: FetchReader | undefined;
  #isRead = false;

  constructor(message: FetchMessage) {
    this.#message = message;
  }

  /** Reads at most `limit` bytes. */
  read(limit: number): BodyRead | Promise<BodyRead> {
    const { headers, bodyUsed, body } = this.#message;
    const length = headers.get('content-length');
    if (Number(length) > limit) return { kind: 'too-large', limit };
    if (length === '0') return { kind: 'text', text: '' };
    if (bodyUsed || body?.locked) return { kind: 'consumed', hint: consumed };
    if (!body) return { kind: 'text', text: '' };
    this.#reader = body.getReader();
    return this.#readAll(this.#reader, limit);
  }

  /** Whether only a part was read: the body was too long or too late, or it broke off. */
  get isPartial(): boolean {
    return this.#reader !== undefined && !this.#isRead;
  }

  /** Stops reading a body whose reply is ready. Its sender decides when it ends. Never rejects. */
  async stop(): Promise<void> {
    try {
      if (this.isPartial) await this.#reader?.cancel();
    } catch {
      // The body has ended already.
    }
  }

  async #readAll(reader: FetchReader, limit: number): Promise<BodyRead> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        if (!ArrayBuffer.isView(value)) return { kind: 'consumed', hint: decodedInFront };
        length += value.byteLength;
        if (length > limit) return { kind: 'too-large', limit };
        if (value.byteLength > 0) chunks.push(value);
      }
      this.#isRead = true;
      return { kind: 'bytes', bytes: Buffer.concat(chunks) };
    } catch {
      return { kind: 'aborted' };
    }
  }
}
