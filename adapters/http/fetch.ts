import type { CallbackEndpoint, CallbackReply } from '../../src/model/callback-request.js';
import { assertEndpoint, assertNames } from '../assert-given.js';
import { FetchBody, type FetchMessage } from './fetch-body.js';
import { headersWithLength, tellReplyFailed } from './incoming-message.js';

/** The part of a Fetch `Request` that is used. The requests of Bun, Deno, Hono, Next.js and Workers have it. */
export interface FetchRequest extends FetchMessage {
  readonly method: string;
  /** The whole URL. */
  readonly url: string;
  readonly signal?: AbortSignal;
}

/** Options of {@link toFetchHandler}. */
export interface FetchHandlerOptions<Request extends FetchRequest, Host extends readonly unknown[]> {
  /**
   * Returns the IP address of the client, from the arguments that the host passes after the request. `allowFrom` needs
   * it. Default: the address is not known.
   */
  readonly address?: (request: Request, ...host: Host) => string | undefined;
}

/**
 * Serves an endpoint wherever a function takes a Fetch `Request` and returns a `Response`: Hono, Bun, Deno, Next.js,
 * Cloudflare Workers and others. Mount it for all methods. The body must not have been read before. The promise never
 * rejects: if the reply cannot be made into a `Response`, the endpoint gets the error, and the response is an empty
 * 500.
 * @throws DragonpayError `invalid-setting` for a value that is not an endpoint, such as the class itself
 *
 * @example
 * const callback = toFetchHandler(dragonpay.endpoint(CheckoutCallback));
 * app.all('/dragonpay/callback', (c) => callback(c.req.raw)); // Hono
 */
export function toFetchHandler<Request extends FetchRequest = FetchRequest, Host extends readonly unknown[] = []>(
  endpoint: CallbackEndpoint,
  options: FetchHandlerOptions<Request, Host> = {},
): (request: Request, ...host: Host) => Promise<Response> {
  assertEndpoint(endpoint);
  assertNames(options, 'address');
  const { address } = options;
  return async (request, ...host) => {
    const body = new FetchBody(request);
    try {
      const reply = await endpoint.dispatch({
        method: request.method,
        target: targetOf(request.url),
        header: (name) => request.headers.get(name) ?? undefined,
        body: (limit) => body.read(limit),
        remoteAddress: address?.(request, ...host),
        // Deno warns when the signal is read, so it is read only on demand.
        get signal() {
          return request.signal;
        },
        native: request,
      });
      return toResponse(reply, body.isPartial);
    } catch (error) {
      tellReplyFailed(endpoint, error);
      return new Response(null, { status: 500 });
    } finally {
      void body.stop();
    }
  };
}

/** The path and the query, cut out of the URL. Characters that Deno leaves unescaped are escaped, as on other hosts. */
function targetOf(url: string): string {
  const escaped = (text: string) => encodeURIComponent(text.toWellFormed());
  return url.replace(/^[^/]+:\/\/[^/?#]*/, '').replace(/[\u0080-\uffff]+/g, escaped);
}

/** Makes the response. After a body that was read in part, the connection cannot carry another request. */
function toResponse(reply: CallbackReply, isLast: boolean): Response {
  const { status, body } = reply;
  const headers = { ...headersWithLength(reply), ...(isLast && { Connection: 'close' }) };
  // Some statuses allow no body, not even an empty one.
  return new Response(body === '' ? null : body, { status, headers });
}
