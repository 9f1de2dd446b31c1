import Koa from 'koa';
import { toKoaMiddleware } from '../../adapters/http/koa.js';
import { listen, type StartContender } from '../contender.js';
import { makeEndpoint } from './endpoint.js';

export const start: StartContender = (settings) => {
  const callback = toKoaMiddleware(makeEndpoint(settings));
  const app = new Koa();
  app.use((context, next) => (context.path === '/dragonpay/callback' ? callback(context) : next()));
  return listen(app.callback());
};
