import { type CallbackFields, encodeCallback } from '../protocol/sign-callback.js';
import type { CallbackRequest } from './callback-request.js';

/** Makes the request in which a server would receive a callback. */
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
