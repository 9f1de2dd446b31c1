/**
 * Compiled, never run: checks that the types of the frameworks fit the structural types of the adapters. The adapters
 * import no framework, so no other file would show a difference.
 */
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createHttp2Server, createSecureServer } from 'node:http2';
import { Module } from '@nestjs/common';
import type {
  ALBEvent,
  ALBResult,
  APIGatewayProxyEvent,
  APIGatewayProxyEventV2,
  APIGatewayProxyResult,
  APIGatewayProxyResultV2,
  Handler,
  LambdaFunctionURLEvent,
} from 'aws-lambda';
import type { CallbackEndpoint, Dragonpay, DragonpaySettings } from 'dragonpay-callback';
import { toExpressHandler } from 'dragonpay-callback/express';
import { dragonpayFastify } from 'dragonpay-callback/fastify';
import { toFetchHandler } from 'dragonpay-callback/fetch';
import { toKoaMiddleware } from 'dragonpay-callback/koa';
import { toLambdaHandler } from 'dragonpay-callback/lambda';
import { DragonpayModule } from 'dragonpay-callback/nestjs';
import { toNodeListener } from 'dragonpay-callback/node';
import express, { Router } from 'express';
import express4, { Router as Router4 } from 'express4';
import fastify from 'fastify';
import { Hono } from 'hono';
import Koa, { type Context, type DefaultContext, type DefaultState } from 'koa';
import Koa2, { type Context as Context2 } from 'koa2';

declare const endpoint: CallbackEndpoint;
declare const dragonpay: Dragonpay;
class CheckoutCallback {}

const path = '/dragonpay/callback';

// Express 5
express().all(path, toExpressHandler(endpoint));
express().all(path, express.urlencoded({ extended: true }), toExpressHandler(dragonpay.endpoint(CheckoutCallback)));
express().use(path, toExpressHandler(endpoint));
express().use('/dragonpay', Router().all('/callback', toExpressHandler(endpoint)));
express().get(path, toExpressHandler(endpoint)).post(path, toExpressHandler(endpoint));
const expressHandler: express.RequestHandler = toExpressHandler(endpoint);

// Express 4
express4().all(path, toExpressHandler(endpoint));
express4().use(path, express4.urlencoded({ extended: false }), toExpressHandler(endpoint));
express4().use('/dragonpay', Router4().all('/callback', toExpressHandler(endpoint)));
const express4Handler: express4.RequestHandler = toExpressHandler(endpoint);

// Fastify 5, also with HTTP/2
void fastify().register(dragonpayFastify, { url: path, endpoint });
void fastify().register(dragonpayFastify, { prefix: '/dragonpay', url: '/callback', endpoint });
void fastify({ http2: true }).register(dragonpayFastify, { url: path, endpoint });
void fastify({ http2: true, https: {} }).register(async (app) => {
  await app.register(dragonpayFastify, { url: path, endpoint: dragonpay.endpoint(CheckoutCallback) });
});
// @ts-expect-error: without an endpoint
void fastify().register(dragonpayFastify, { url: path });
// @ts-expect-error: the receiver, where its endpoint is meant
void fastify().register(dragonpayFastify, { url: path, endpoint: dragonpay });

// Koa 3
const callback = toKoaMiddleware(endpoint);
new Koa().use(callback);
new Koa().use((context, next) => (context.path === path ? callback(context) : next()));
const koaMiddleware: Koa.Middleware = callback;
interface State extends DefaultState {
  readonly user: string;
}
new Koa<State, DefaultContext>().use(callback);
declare const context: Context;
void callback(context);

// Koa 2
new Koa2().use(callback);
new Koa2().use((context, next) => (context.path === path ? callback(context) : next()));
const koa2Middleware: Koa2.Middleware = callback;
declare const context2: Context2;
void callback(context2);

// NestJS 12: modules, and the options of one endpoint or several
declare const settings: DragonpaySettings;
class Config {
  readonly settings = settings;
}
class ConfigModule {}
const handler = CheckoutCallback;
Module({
  imports: [
    DragonpayModule.forRoot({ path, handler, settings }),
    DragonpayModule.forRoot({ settings, token: 'PAYOUTS', endpoints: [{ path, handler, kinds: ['payout'] }] }),
    DragonpayModule.forRootAsync({
      imports: [ConfigModule],
      inject: [Config],
      useFactory: async ({ settings }: Config) => ({ path, handler, settings }),
    }),
    DragonpayModule.forRootAsync({ useFactory: () => ({ settings, endpoints: [] }) }),
  ],
})(ConfigModule);
// @ts-expect-error: without settings
DragonpayModule.forRoot({ path, handler });
// @ts-expect-error: without a handler
DragonpayModule.forRoot({ path, settings });
// @ts-expect-error: one endpoint and several
DragonpayModule.forRoot({ path, handler, settings, endpoints: [{ path, handler }] });
// @ts-expect-error: a kind that does not exist
DragonpayModule.forRoot({ path, handler, settings, kinds: ['refund'] });
// @ts-expect-error: a factory that makes no settings
DragonpayModule.forRootAsync({ useFactory: () => ({ path, handler }) });

// node:http, HTTP/2 in its compatible form, and a request that a host gave a body
createServer(toNodeListener(endpoint));
createHttp2Server((request, response) => void toNodeListener(endpoint)(request, response));
createSecureServer({ allowHTTP1: true }).on('request', toNodeListener(endpoint));
declare const hosted: IncomingMessage & { body: Record<string, string>; rawBody: Buffer };
createServer((_request, response) => void toNodeListener(endpoint)(hosted, response));

// Functions that take a Fetch request: Hono, and a handler with an argument of its host
const fetched = toFetchHandler(endpoint);
new Hono().all(path, (c) => fetched(c.req.raw));
const routeHandler: (request: Request, context: { params: Promise<object> }) => Promise<Response> = fetched;
declare const peer: { requestIP(request: Request): { address: string } | null };
const addressed = toFetchHandler(endpoint, {
  address: (request: Request, server: typeof peer) => server.requestIP(request)?.address,
});
void addressed(new Request('https://shop.example/'), peer);
// @ts-expect-error: without what the function of the address asks for
void addressed(new Request('https://shop.example/'));

// AWS Lambda
const rest: Handler<APIGatewayProxyEvent, APIGatewayProxyResult> = toLambdaHandler(endpoint);
const http: Handler<APIGatewayProxyEventV2, APIGatewayProxyResultV2> = toLambdaHandler(endpoint);
const functionUrl: Handler<LambdaFunctionURLEvent, APIGatewayProxyResultV2> = toLambdaHandler(endpoint);
const balanced: Handler<ALBEvent, ALBResult> = toLambdaHandler(endpoint);

// A value that is not an endpoint is refused
// @ts-expect-error: a class, where dragonpay.endpoint(Class) is meant
toExpressHandler(CheckoutCallback);
// @ts-expect-error: the receiver, where its endpoint is meant
toKoaMiddleware(dragonpay);
// @ts-expect-error: nothing
toNodeListener();
// @ts-expect-error: a promise of an endpoint
toNodeListener(Promise.resolve(endpoint));

export {
  balanced,
  express4Handler,
  expressHandler,
  functionUrl,
  http,
  koa2Middleware,
  koaMiddleware,
  rest,
  routeHandler,
};
