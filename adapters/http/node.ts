import type { CallbackEndpoint } from '../../src/model/callback-request.js';
import { assertEndpoint } from '../assert-given.js';
import { type IncomingMessageLike, type ServerResponseLike, serve, toCallbackRequest } from './incoming-message.js';

/** The part of Node's `http.IncomingMessage` that is used. Some hosts, such as Firebase, add `body` and `rawBody`. */
export interface NodeRequest extends IncomingMessageLike {
  readonly body?: unknown;
  readonly rawBody?: unknown;
}

/** The part of Node's `http.ServerResponse` that is used. */
export type NodeResponse = ServerResponseLike;

/**
 * Serves an endpoint from raw `node:http`, or from `node:http2` in its compatible form: a listener for one URL. Its
 * promise never rejects.
 * @throws DragonpayError `invalid-setting` for a value that is not an endpoint, such as the class itself
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
  assertEndpoint(endpoint);
  return (request, response) =>
    serve(endpoint, request, response, () => toCallbackRequest(request, request.url ?? '', [request], request));
}
