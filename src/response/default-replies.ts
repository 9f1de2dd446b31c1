import { DragonpayError, failures, type ReplyCode } from '../errors.js';
import type { CallbackReply } from '../model/callback-request.js';
import type { UpdateOutcome } from '../model/callback-update.js';
import { type HandlerReply, isHandlerReply } from './reply.js';

/** The methods that a reply with 405 lists as allowed. */
export const allowedMethods = 'GET, HEAD, POST, OPTIONS';

/**
 * Headers of every reply. The return URL holds a proof that can be replayed: it must not be cached or sent as a
 * referrer.
 */
const privateHeaders = {
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};
const plainText = { 'Content-Type': 'text/plain; charset=utf-8', ...privateHeaders };

/** The reply that Dragonpay expects: 200, text/plain, one line. */
export const accepted: CallbackReply = Object.freeze({ status: 200, headers: plainText, body: 'result=OK' });

const headReply: CallbackReply = Object.freeze({ status: 200, headers: plainText, body: '' });
const optionsReply: CallbackReply = Object.freeze({
  status: 204,
  headers: { Allow: allowedMethods, ...privateHeaders },
  body: '',
});

/** Seconds after which a sender may try again. */
const retryAfter = '30';

const failureReplies = new Map<string, CallbackReply>(
  Object.entries(failures).flatMap(([code, failure]) =>
    'status' in failure ? [[code, toFailureReply(code, failure.status)]] : [],
  ),
);

function toFailureReply(code: string, status: number): CallbackReply {
  const extra: Record<string, string> =
    status === 405 ? { Allow: allowedMethods } : status === 503 ? { 'Retry-After': retryAfter } : {};
  return Object.freeze({ status, headers: { ...plainText, ...extra }, body: `error=${code}` });
}

/** The reply to a failure: the status of its code, and the code in one line of text. */
export function failureReply(code: ReplyCode): CallbackReply {
  return failureReplies.get(code) as CallbackReply;
}

/** What each HTTP method does: GET and POST carry callbacks, HEAD and OPTIONS have no effect. */
export const methodTable: Readonly<Record<string, 'callback' | CallbackReply>> = Object.assign(Object.create(null), {
  GET: 'callback',
  POST: 'callback',
  HEAD: headReply,
  OPTIONS: optionsReply,
});

/**
 * The reply to a callback: the result of its handler method, or the default. A result without a status gets the status
 * of the default reply, so that a method that always returns 'OK' does not accept forged callbacks.
 * @throws DragonpayError `handler-failed` if the method returned something that is not a reply
 */
export function replyTo(result: unknown, outcome: UpdateOutcome, issue?: { readonly code: ReplyCode }): CallbackReply {
  // The sender must send the callback again, whatever the handler returned.
  if (outcome === 'unstored') return failureReply('unstored');
  const standard = issue === undefined ? accepted : failureReply(issue.code);
  if (result === undefined) return standard;
  if (typeof result === 'string') return { ...standard, body: result };
  if (isHandlerReply(result)) return fromHandlerReply(result, standard);
  throw new DragonpayError('handler-failed', 'a handler method must return a string, a result of reply, or nothing');
}

function fromHandlerReply(
  { status, contentType, location, body }: HandlerReply,
  standard: CallbackReply,
): CallbackReply {
  const redirect = location === undefined ? undefined : { Location: location };
  const headers = { ...standard.headers, 'Content-Type': contentType, ...redirect };
  return { status: status ?? standard.status, headers, body };
}
