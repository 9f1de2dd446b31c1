import type { CallbackEndpoint, CallbackReply } from '../model/callback-request.js';
import { toRequest } from '../model/to-request.js';
import type { CallbackFields } from '../protocol/sign-callback.js';

/** Options of {@link deliver}. */
export interface DeliverOptions {
  /** `POST` when not given. */
  readonly method?: 'POST' | 'GET';
}

/**
 * Delivers a callback to an endpoint with no server in between, and answers with the reply. It goes the whole way, from
 * the bytes of its form on. Never rejects.
 * @param callback what {@link signCallback} made, or a form that is encoded already
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
