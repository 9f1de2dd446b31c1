import type { CallbackEndpoint, CallbackReply } from '../../src/model/callback-request.js';
import { assertEndpoint, assertMethods } from '../assert-given.js';
import type { FastifyInstance, FastifyReply, FastifyRequest, Hook } from './fastify-instance.js';
import {
  AlreadyAnswered,
  isComplete,
  serve,
  tellReplyFailed,
  toCallbackRequest,
  writeReply,
} from './incoming-message.js';

export type { FastifyInstance, FastifyReply, FastifyRequest } from './fastify-instance.js';

/** The options of {@link dragonpayFastify}, besides Fastify's own. `url` is the path below its `prefix`. */
export interface DragonpayFastifyOptions {
  readonly url: string;
  readonly endpoint: CallbackEndpoint;
}

/**
 * A plugin for Fastify 5: serves an endpoint at a URL, for all methods. It answers in the hook `onRequest`, before
 * Fastify reads the body, so that no content type parser, validation or `preHandler` hook runs for a callback.
 * It rejects with `invalid-setting` for a value that is not an endpoint.
 *
 * @example
 * await app.register(dragonpayFastify, { url: '/dragonpay/callback', endpoint: dragonpay.endpoint(CheckoutCallback) });
 */
export async function dragonpayFastify(app: FastifyInstance, options: DragonpayFastifyOptions) {
  assertMethods(
    app,
    ['route'],
    'app',
    'must be a Fastify instance: write app.register(dragonpayFastify, { url, endpoint })',
  );
  const { url, endpoint } = options ?? {};
  assertEndpoint(endpoint);
  const written = new WeakSet<FastifyReply>();
  const onRequest: Hook = (request, reply) => {
    const toRequest = () => toCallbackRequest(request.raw, request.originalUrl, [], request);
    void serve(endpoint, request.raw, reply.raw, toRequest, (answer) => {
      written.add(reply);
      write(request, reply, answer);
    });
  };
  // A hook of the application, such as onSend, has failed. If we made no reply, this hook refused the request.
  const onError: Hook<[unknown, () => void]> = (_request, reply, error, done) => {
    if (written.delete(reply)) tellReplyFailed(endpoint, error);
    done();
  };
  app.route({ method: app.supportedMethods, url, onRequest, onError, handler: () => {} });
}

function write({ raw }: FastifyRequest, reply: FastifyReply, answer: CallbackReply): void {
  if (reply.sent) throw new AlreadyAnswered();
  if (isComplete(raw)) {
    reply.code(answer.status);
    reply.headers(answer.headers).send(answer.body);
  } else {
    // Fastify would keep the connection, and read the rest of the body.
    reply.hijack();
    writeReply(raw, reply.raw, answer);
  }
}
