import type { CallbackEndpoint, CallbackReply, CallbackRequest } from '../callback-request.js';
import { type CallbackFields, encodeCallback } from './sign-callback.js';

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

/** The request that a server would have made of a callback. */
export function toRequest(callback: CallbackFields | string, method: 'POST' | 'GET'): CallbackRequest {
  const form = typeof callback === 'string' ? callback : encodeCallback(callback);
  const isPost = method === 'POST';
  return {
    method,
    target: isPost ? '/' : `/?${form}`,
    header: (name) => (isPost && name === 'content-type' ? 'application/x-www-form-urlencoded' : undefined),
    body: () => ({ kind: 'bytes', bytes: Buffer.from(form, 'utf8') }),
    native: undefined,
  };
}
