import type { CallbackEndpoint } from '../../src/model/callback-request.js';
import { assertEndpoint } from '../assert-given.js';
import { type IncomingMessageLike, type ServerResponseLike, serve, toCallbackRequest } from './incoming-message.js';

/** The part of Express's request that is used, in versions 4 and 5. */
export interface ExpressRequest extends IncomingMessageLike {
  /** The URL before routers cut their mount path off it. */
  readonly originalUrl: string;
  readonly body?: unknown;
  readonly rawBody?: unknown;
}

/** The part of Express's response that is used. `res.send` would add an ETag and rewrite the content type. */
export type ExpressResponse = ServerResponseLike;

/**
 * Serves an endpoint from Express 4 or 5. Use it with `app.all`, so that the endpoint itself answers 405, HEAD and
 * OPTIONS. It works with and without a body parser in front. Prefer it without one: it then decodes the bytes itself.
 * The promise of the handler never rejects.
 * @throws DragonpayError `invalid-setting` for a value that is not an endpoint, such as the class itself
 *
 * @example
 * app.all('/dragonpay/callback', toExpressHandler(dragonpay.endpoint(CheckoutCallback)));
 */
export function toExpressHandler(
  endpoint: CallbackEndpoint,
): (request: ExpressRequest, response: ExpressResponse) => Promise<void> {
  assertEndpoint(endpoint);
  return (request, response) =>
    serve(endpoint, request, response, () => toCallbackRequest(request, request.originalUrl, [request], request));
}
