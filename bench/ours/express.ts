import express from 'express';
import { toExpressHandler } from '../../adapters/http/express.js';
import { listen, type StartContender } from '../contender.js';
import { makeEndpoint } from './endpoint.js';

export const start: StartContender = (settings) => {
  const app = express();
  app.disable('x-powered-by').disable('etag');
  app.all('/dragonpay/callback', toExpressHandler(makeEndpoint(settings)));
  return listen(app);
};
