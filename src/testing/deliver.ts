import { invalidSetting } from '../errors.js';
import type { CallbackEndpoint, CallbackReply } from '../model/callback-request.js';
import { toRequest } from '../model/to-request.js';
import { checkNames, checkSpelling } from '../protocol/nearest-name.js';
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
 * @throws DragonpayError `invalid-setting` for a value that is not an endpoint, such as the class itself
 *
 * @example
 * const reply = await deliver(dragonpay.endpoint(CheckoutCallback), signCallback(fields, { sha1: { secretKey } }));
 * assert.equal(reply.body, 'result=OK');
 */
export function deliver(
  endpoint: CallbackEndpoint,
  callback: CallbackFields | string,
  options: DeliverOptions = {},
): Promise<CallbackReply> {
  if (typeof endpoint?.dispatch !== 'function') {
    throw invalidSetting('endpoint', 'must be made by dragonpay.endpoint(YourClass)');
  }
  checkNames(options, { method: true });
  const { method = 'POST' } = options;
  if (typeof callback !== 'string') checkSpelling(callback, [], 'callback');
  return endpoint.dispatch(toRequest(callback, method));
}
