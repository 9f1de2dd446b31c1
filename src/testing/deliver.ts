import type { CallbackEndpoint, CallbackReply } from '../model/callback-request.js';
import { toRequest } from '../model/to-request.js';
import type { CallbackFields } from '../protocol/sign-callback.js';

/** Options of {@link deliver}. */
export interface DeliverOptions {
  /** Default: `POST`. */
  readonly method?: 'POST' | 'GET';
}

/**
 * Delivers a callback to an endpoint without a server, and resolves to the reply. The callback takes the same way as a
 * real one, from the bytes of its form on. Never rejects.
 * @param callback the result of {@link signCallback}, or an encoded form
 *
 * @example
 * const reply = await deliver(dragonpay.endpoint(CheckoutCallback), signCallback(fields, { sha1: { secretKey } }));
 * assert.equal(reply.body, 'result=OK');
 */
export function deliver(
  endpoint: CallbackEndpoint,
  callback: CallbackFields | string,
  { method = 'POST' }: DeliverOptions = {},
): Promise<CallbackReply> {
  return endpoint.dispatch(toRequest(callback, method));
}
