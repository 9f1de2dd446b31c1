import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/** The parts of a request that the shop uses, for any server. */
export interface ShopRequest {
  readonly method: string;
  /** The path as sent, not decoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Reads the body. Resolves to `undefined` if it is over 16 KiB. */
  text(): Promise<string | undefined>;
}

const bodyLimit = 16_384;

/** Converts Node's request. Express's request is one, and Koa's context has one. */
export function toShopRequest(message: IncomingMessage): ShopRequest {
  const { url = '', method = '', headers } = message;
  const queryAt = url.indexOf('?');
  return {
    method,
    path: pathOf(message),
    query: new URLSearchParams(queryAt < 0 ? '' : url.slice(queryAt)),
    headers,
    text: async () => {
      const chunks: Buffer[] = [];
      let length = 0;
      for await (const chunk of message as AsyncIterable<Buffer>) {
        length += chunk.byteLength;
        // The rest is read and dropped, so that the client can read the answer.
        if (length <= bodyLimit) chunks.push(chunk);
      }
      return length > bodyLimit ? undefined : Buffer.concat(chunks).toString('utf8');
    },
  };
}

/** The path of a request as sent. */
export function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] as string;
}
