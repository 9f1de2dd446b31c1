import { DragonpayError, type FailureCode, failures } from '../errors.js';
import type { CallbackReply } from '../model/callback-request.js';
import type { UpdateOutcome } from '../model/callback-update.js';
import { type HandlerReply, isHandlerReply } from './reply.js';

/** The methods that are answered otherwise than with 405. */
export const allowedMethods = 'GET, HEAD, POST, OPTIONS';

/**
 * Every reply carries these. The return URL holds a proof that could be replayed: it must not be cached, nor given
 * on as a referrer.
 */
const privacy = {
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};
const plainText = { 'Content-Type': 'text/plain; charset=utf-8', ...privacy };

/** What Dragonpay expects to hear: 200, text/plain, one line. */
export const accepted: CallbackReply = Object.freeze({ status: 200, headers: plainText, body: 'result=OK' });

const headReply: CallbackReply = Object.freeze({ status: 200, headers: plainText, body: '' });
const optionsReply: CallbackReply = Object.freeze({
  status: 204,
  headers: { Allow: allowedMethods, ...privacy },
  body: '',
});

/** Seconds after which a sender may try again. */
const retryAfter = '30';

const failureReplies = Object.fromEntries(
  Object.entries(failures).map(([code, { status }]) => [code, failureReply(code, status)]),
) as Readonly<Record<FailureCode, CallbackReply>>;

function failureReply(code: string, status: number): CallbackReply {
  const extra: Record<string, string> =
    status === 405 ? { Allow: allowedMethods } : status === 503 ? { 'Retry-After': retryAfter } : {};
  return Object.freeze({ status, headers: { ...plainText, ...extra }, body: `error=${code}` });
}

/** The answer to a failure: the status of its code, and the code in one line of text. */
export function failed(code: FailureCode): CallbackReply {
  return failureReplies[code];
}

/** What is done with a request by its method alone: GET and POST carry callbacks, HEAD and OPTIONS have no effect. */
export const methodTable: Readonly<Record<string, 'callback' | CallbackReply>> = Object.assign(Object.create(null), {
  GET: 'callback',
  POST: 'callback',
  HEAD: headReply,
  OPTIONS: optionsReply,
});

/**
 * The answer to a callback: what its handler returned, or the default.
 * @throws DragonpayError `handler-failed` where the handler returned what is no reply.
 */
export function answer(result: unknown, outcome: UpdateOutcome, issue?: { readonly code: FailureCode }): CallbackReply {
  // Nothing that a handler says makes the sender believe that this was stored.
  if (outcome === 'unstored') return failed('unstored');
  if (result !== undefined) return toReply(result);
  return issue === undefined ? accepted : failed(issue.code);
}

/** @throws DragonpayError `handler-failed` */
function toReply(result: unknown): CallbackReply {
  if (typeof result === 'string') return { status: 200, headers: plainText, body: result };
  if (isHandlerReply(result)) return fromHandlerReply(result);
  throw new DragonpayError('handler-failed', 'a handler returned what is neither a string nor made by reply');
}

function fromHandlerReply({ status, contentType, location, body }: HandlerReply): CallbackReply {
  return {
    status,
    headers: {
      'Content-Type': contentType,
      ...(location !== undefined && { Location: location }),
      ...privacy,
    },
    body,
  };
}
