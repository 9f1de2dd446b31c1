import type { RequestListener } from 'node:http';
import type { CallbackEndpoint } from 'dragonpay-callback';
import { toExpressHandler } from 'dragonpay-callback/express';
import { toKoaMiddleware } from 'dragonpay-callback/koa';
import { toNodeListener } from 'dragonpay-callback/node';
import express from 'express';
import Koa from 'koa';
import type { Shop } from './shop.js';
import { pathOf, toShopRequest } from './shop-request.js';
import type { ShopSettings } from './shop-settings.js';

const callbackPath = '/dragonpay/callback';

/** A slash at the end of the path is accepted, as in Express: the URL may have been registered with one. */
const isCallback = (path: string) => path.replace(/\/$/, '') === callbackPath;

/** The HTTP servers. Each serves the endpoint on its path, and the shop on all others. */
export const servers: Record<ShopSettings['server'], (endpoint: CallbackEndpoint, shop: Shop) => RequestListener> = {
  express: (endpoint, shop) => {
    const app = express();
    // With these settings, letter case counts and the server does not send its name, as with Koa and Node.
    app.enable('case sensitive routing').disable('x-powered-by');
    app.all(callbackPath, toExpressHandler(endpoint));
    app.use(async (request, response) => {
      const { status, headers, body } = await shop.answer(toShopRequest(request));
      response.writeHead(status, headers).end(body);
    });
    return app;
  },

  koa: (endpoint, shop) => {
    const app = new Koa();
    const callback = toKoaMiddleware(endpoint);
    app.use((context, next) => (isCallback(context.path) ? callback(context) : next()));
    app.use(async (context) => {
      const { status, headers, body } = await shop.answer(toShopRequest(context.req));
      context.status = status;
      context.set(headers);
      context.body = body;
    });
    return app.callback();
  },

  node: (endpoint, shop) => {
    const callback = toNodeListener(endpoint);
    return async (request, response) => {
      if (isCallback(pathOf(request))) return callback(request, response);
      const { status, headers, body } = await shop.answer(toShopRequest(request));
      response.writeHead(status, headers).end(body);
    };
  },
};
