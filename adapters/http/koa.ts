import type { CallbackEndpoint } from '../../src/model/callback-request.js';
import { headersWithLength, type IncomingMessageLike, toCallbackRequest } from './incoming-message.js';

/** What is used of Koa's context, in versions 2 and 3. Body parsers add `body` and `rawBody` to its request. */
export interface KoaContext {
  readonly req: IncomingMessageLike & { readonly httpVersionMajor: number };
  readonly request: object;
  readonly res: { statusMessage: string };
  readonly originalUrl: string;
  status: number;
  body: unknown;
  set(headers: { [name: string]: string }): void;
}

/**
 * Serves an endpoint from Koa 2 or 3: a middleware for one URL, which answers every request and calls nothing after
 * it. Mount it with a router, or behind a look at `ctx.path`. It works with and without a body parser in front.
 *
 * @example
 * const callback = toKoaMiddleware(dragonpay.endpoint(CheckoutCallback));
 * app.use((ctx, next) => (ctx.path === '/dragonpay/callback' ? callback(ctx) : next()));
 */
export function toKoaMiddleware(endpoint: CallbackEndpoint): (context: KoaContext) => Promise<void> {
  return async (context) => {
    const request = toCallbackRequest(context.req, context.originalUrl, context.request, context);
    const reply = await endpoint.dispatch(request);
    context.status = reply.status;
    context.set(headersWithLength(reply));
    context.body = reply.status === 204 ? null : reply.body;
    // Koa brings a table of reason phrases of its own: without it, replies are the same bytes on every server.
    if (context.req.httpVersionMajor < 2) context.res.statusMessage = '';
  };
}
