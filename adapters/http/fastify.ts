import type { CallbackEndpoint, CallbackReply } from '../../src/model/callback-request.js';
import { assertEndpoint, assertMethods } from '../assert-given.js';
import type { IncomingMessageLike, ServerResponseLike } from './incoming-message.js';
import { isComplete, serve, toCallbackRequest, writeReply } from './incoming-message.js';

/** The part of Fastify's request that is used. `originalUrl` is the URL before `rewriteUrl` changed it. */
export interface FastifyRequest {
  readonly raw: IncomingMessageLike;
  readonly originalUrl: string;
}

/** The part of Fastify's reply that is used. */
export interface FastifyReply {
  readonly raw: ServerResponseLike;
  code(status: number): unknown;
  headers(values: { [name: string]: string }): { send(body?: string): unknown };
  hijack(): unknown;
}

type OnRequest = (request: FastifyRequest, reply: FastifyReply) => void;

/** The part of a Fastify instance that is used. */
export interface FastifyInstance {
  readonly supportedMethods: string[];
  route(options: { method: string[]; url: string; onRequest: OnRequest; handler: () => void }): unknown;
}

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
  const onRequest: OnRequest = (request, reply) => {
    const toRequest = () => toCallbackRequest(request.raw, request.originalUrl, [], request);
    void serve(endpoint, request.raw, reply.raw, toRequest, (answer) => write(request, reply, answer));
  };
  app.route({ method: app.supportedMethods, url, onRequest, handler: () => {} });
}

function write({ raw }: FastifyRequest, reply: FastifyReply, answer: CallbackReply): void {
  if (isComplete(raw)) {
    reply.code(answer.status);
    reply.headers(answer.headers).send(answer.status === 204 ? undefined : answer.body);
  } else {
    // Fastify would keep the connection, and read the rest of the body.
    reply.hijack();
    writeReply(raw, reply.raw, answer);
  }
}
