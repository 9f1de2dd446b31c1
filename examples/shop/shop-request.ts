import type { IncomingMessage } from 'node:http';

/** What the shop knows of a request, whichever server took it. */
export interface ShopRequest {
  readonly method: string;
  /** As sent, not decoded, without the query. */
  readonly path: string;
  /** The body; `undefined` when it is too long. */
  text(): Promise<string | undefined>;
}

const bodyLimit = 16_384;

/** Reads what the shop needs out of Node's request, which Express's is and Koa's holds. */
export function toShopRequest(message: IncomingMessage): ShopRequest {
  return {
    method: message.method ?? '',
    path: pathOf(message),
    text: async () => {
      const chunks: Buffer[] = [];
      let length = 0;
      for await (const chunk of message as AsyncIterable<Buffer>) {
        length += chunk.byteLength;
        // The rest is read and dropped, so that the client comes to read the answer.
        if (length <= bodyLimit) chunks.push(chunk);
      }
      return length > bodyLimit ? undefined : Buffer.concat(chunks).toString('utf8');
    },
  };
}

/** The path of a request, as sent. */
export function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] as string;
}
