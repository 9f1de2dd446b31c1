import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A received request. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  /** The encoded form: the body of a POST, the query of a GET. */
  readonly form: string;
  readonly contentType: string | undefined;
  /** The decoded form. */
  readonly fields: Readonly<Record<string, string>>;
}

/** Returns the status and the body of the reply. */
export type Answer = (request: SeenRequest, count: number) => readonly [status: number, body: string];

/** A merchant's server that records its requests. */
export interface MerchantServer {
  readonly url: string;
  readonly seen: SeenRequest[];
  answer(answer: Answer): void;
  /** Resolves after `count` requests. Rejects after five seconds. */
  until(count: number): Promise<void>;
  close(): Promise<void>;
}

export async function startMerchantServer(): Promise<MerchantServer> {
  const seen: SeenRequest[] = [];
  let answer: Answer = () => [200, 'result=OK'];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('latin1').on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const [path = '', query = ''] = (request.url ?? '').split('?');
      const form = request.method === 'GET' ? query : body;
      const one: SeenRequest = {
        ...{ method: request.method ?? '', path, form, contentType: request.headers['content-type'] },
        fields: Object.fromEntries(new URLSearchParams(form)),
      };
      seen.push(one);
      const [status, text] = answer(one, seen.length);
      response.writeHead(status, { 'content-type': 'text/plain' }).end(text);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    answer: (next) => {
      answer = next;
    },
    async until(count) {
      const end = Date.now() + 5_000;
      while (seen.length < count) {
        if (Date.now() > end) throw new Error(`only ${seen.length} of ${count} requests came`);
        await sleep(5);
      }
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
