import type { CallbackEndpoint, CallbackReply } from '../../src/model/callback-request.js';
import { assertEndpoint } from '../assert-given.js';
import {
  headersWithLength,
  type IncomingMessageLike,
  isComplete,
  type ServerResponseLike,
  serve,
  toCallbackRequest,
  writeReply,
} from './incoming-message.js';

/** The part of Koa's context that is used, in versions 2 and 3. Body parsers add `body` and `rawBody` to its request. */
export interface KoaContext {
  readonly req: IncomingMessageLike & { readonly httpVersionMajor: number };
  readonly request: object;
  readonly res: ServerResponseLike & { statusMessage: string };
  readonly originalUrl: string;
  status: number;
  body: unknown;
  respond?: boolean | undefined;
  set(headers: { [name: string]: string }): void;
}

/**
 * Serves an endpoint from Koa 2 or 3: a middleware for one URL, which answers every request and does not call `next`.
 * Mount it with a router, or compare `ctx.path`. It works with and without a body parser in front. Its promise never
 * rejects.
 * @throws DragonpayError `invalid-setting` for a value that is not an endpoint, such as the class itself
 *
 * @example
 * const callback = toKoaMiddleware(dragonpay.endpoint(CheckoutCallback));
 * app.use((ctx, next) => (ctx.path === '/dragonpay/callback' ? callback(ctx) : next()));
 */
export function toKoaMiddleware(endpoint: CallbackEndpoint): (context: KoaContext) => Promise<void> {
  assertEndpoint(endpoint);
  return (context) => {
    const { req, request, res, originalUrl } = context;
    // Hosts such as Cloud Functions leave the body on Node's request.
    const toRequest = () => toCallbackRequest(req, originalUrl, [request, req], context);
    return serve(endpoint, req, res, toRequest, (reply) => writeToContext(context, reply));
  };
}

function writeToContext(context: KoaContext, reply: CallbackReply): void {
  const { req, res } = context;
  if (!isComplete(req)) {
    // Koa would keep the connection, and read the rest of the body.
    context.respond = false;
    writeReply(req, res, reply);
    return;
  }
  context.status = reply.status;
  context.set(headersWithLength(reply));
  context.body = reply.status === 204 ? null : reply.body;
  // Koa has its own reason phrases. Without them, the reply has the same bytes as on every server.
  if (req.httpVersionMajor < 2) res.statusMessage = '';
}
