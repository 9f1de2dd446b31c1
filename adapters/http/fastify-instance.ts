import type { IncomingMessageLike, ServerResponseLike } from './incoming-message.js';

/** The part of Fastify's request that is used. `originalUrl` is the URL before `rewriteUrl` changed it. */
export interface FastifyRequest {
  readonly raw: IncomingMessageLike;
  readonly originalUrl: string;
}

/** The part of Fastify's reply that is used. */
export interface FastifyReply {
  readonly raw: ServerResponseLike;
  /** Whether other code has answered, or has taken over the response. */
  readonly sent: boolean;
  code(status: number): unknown;
  headers(values: { [name: string]: string }): { send(body?: string): unknown };
  hijack(): unknown;
}

/** A hook of a route. */
export type Hook<Rest extends unknown[] = []> = (request: FastifyRequest, reply: FastifyReply, ...rest: Rest) => void;

/** The part of a Fastify instance that is used. */
export interface FastifyInstance {
  readonly supportedMethods: string[];
  route(options: {
    method: string[];
    url: string;
    onRequest: Hook;
    onError: Hook<[unknown, () => void]>;
    handler: () => void;
  }): unknown;
}
