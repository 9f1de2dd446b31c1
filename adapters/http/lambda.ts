import type { BodyRead, CallbackEndpoint } from '../../src/model/callback-request.js';
import { assertEndpoint } from '../assert-given.js';
import { tellReplyFailed } from './incoming-message.js';
import { addressOf, headerOf, type LambdaEvent, targetOf } from './lambda-event.js';

/** The result of the function. The host adds the length of the body. */
export interface LambdaResult {
  readonly statusCode: number;
  readonly headers?: { [name: string]: string };
  /**
   * Replaces `headers` if the event has its headers in this form, because a load balancer then reads only this
   * property.
   */
  readonly multiValueHeaders?: { [name: string]: string[] };
  readonly body: string;
  readonly isBase64Encoded: false;
}

/**
 * Serves an endpoint from AWS Lambda: a handler for events of API Gateway (REST and HTTP APIs, payload format 1.0 and
 * 2.0), of function URLs and of Application Load Balancers. Any other event is answered with 405. Its promise never
 * rejects: if an event cannot be read, the endpoint gets the error, and the result is an empty 500.
 * @throws DragonpayError `invalid-setting` for a value that is not an endpoint, such as the class itself
 *
 * @example
 * export const handler = toLambdaHandler(dragonpay.endpoint(CheckoutCallback));
 */
export function toLambdaHandler(endpoint: CallbackEndpoint): (event: LambdaEvent) => Promise<LambdaResult> {
  assertEndpoint(endpoint);
  return async (event) => {
    try {
      return await answer(endpoint, event ?? {});
    } catch (error) {
      tellReplyFailed(endpoint, error);
      return { statusCode: 500, body: '', isBase64Encoded: false };
    }
  };
}

async function answer(endpoint: CallbackEndpoint, event: LambdaEvent): Promise<LambdaResult> {
  const { status, headers, body } = await endpoint.dispatch({
    method: event.requestContext?.http?.method ?? event.httpMethod ?? '',
    target: targetOf(event),
    header: (name) => headerOf(event, name),
    body: (limit) => bodyOf(event, limit),
    remoteAddress: addressOf(event),
    native: event,
  });
  const result = { statusCode: status, body, isBase64Encoded: false } as const;
  if (!event.multiValueHeaders) return { ...result, headers: { ...headers } };
  const entries = Object.entries(headers).map(([name, value]) => [name, [value]]);
  return { ...result, multiValueHeaders: Object.fromEntries(entries) };
}

/** The host has read the whole body, and has made text of it or encoded its bytes. */
function bodyOf({ body, isBase64Encoded }: LambdaEvent, limit: number): BodyRead {
  const text = body ?? '';
  if (Buffer.byteLength(text, isBase64Encoded ? 'base64' : 'utf8') > limit) return { kind: 'too-large', limit };
  return isBase64Encoded ? { kind: 'bytes', bytes: Buffer.from(text, 'base64') } : { kind: 'text', text };
}
