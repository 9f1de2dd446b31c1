import type { CallbackEndpoint } from '../../src/model/callback-request.js';
import { headersWithLength, type IncomingMessageLike, toCallbackRequest } from './incoming-message.js';

/** What is used of Node's `http.IncomingMessage`. Firebase and some hosts add `body` and `rawBody`. */
export interface NodeRequest extends IncomingMessageLike {
  readonly body?: unknown;
  readonly rawBody?: unknown;
}

/** What is used of Node's `http.ServerResponse`. */
export interface NodeResponse {
  writeHead(status: number, headers: Readonly<Record<string, string>>): unknown;
  end(body: string): unknown;
}

/**
 * Serves an endpoint from raw `node:http`: a listener for one URL. Its promise never rejects.
 *
 * @example
 * const listener = toNodeListener(dragonpay.endpoint(CheckoutCallback));
 * createServer((request, response) => {
 *   if (request.url?.startsWith('/dragonpay/callback')) return listener(request, response);
 *   response.writeHead(404).end();
 * });
 */
export function toNodeListener(
  endpoint: CallbackEndpoint,
): (request: NodeRequest, response: NodeResponse) => Promise<void> {
  return async (request, response) => {
    const reply = await endpoint.dispatch(toCallbackRequest(request, request.url ?? '', request, request));
    response.writeHead(reply.status, headersWithLength(reply));
    response.end(reply.body);
  };
}
