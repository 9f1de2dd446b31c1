import type { CallbackEndpoint } from '../../src/model/callback-request.js';
import { headersWithLength, type IncomingMessageLike, toCallbackRequest } from './incoming-message.js';

/** What is used of Express's request, in versions 4 and 5. */
export interface ExpressRequest extends IncomingMessageLike {
  /** The URL before routers cut their mount path off it. */
  readonly originalUrl: string;
  readonly body?: unknown;
  readonly rawBody?: unknown;
}

/** What is used of Express's response: what Node's has. `res.send` would add an ETag and rewrite the content type. */
export interface ExpressResponse {
  writeHead(status: number, headers: Readonly<Record<string, string>>): unknown;
  end(body: string): unknown;
}

/**
 * Serves an endpoint from Express 4 or 5. Use it with `app.all`, so that the endpoint itself answers 405, HEAD and
 * OPTIONS. It works with and without a body parser in front; without is better, as it then decodes the bytes itself.
 *
 * @example
 * app.all('/dragonpay/callback', toExpressHandler(dragonpay.endpoint(CheckoutCallback)));
 */
export function toExpressHandler(
  endpoint: CallbackEndpoint,
): (request: ExpressRequest, response: ExpressResponse) => Promise<void> {
  return async (request, response) => {
    const reply = await endpoint.dispatch(toCallbackRequest(request, request.originalUrl, request, request));
    response.writeHead(reply.status, headersWithLength(reply));
    response.end(reply.body);
  };
}
