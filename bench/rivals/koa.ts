import { bodyParser } from '@koa/bodyparser';
import Koa from 'koa';
import { listen, makePool, plainUpdate, type StartContender } from '../contender.js';
import { digestHolds } from './digest-holds.js';

/** Koa with its body parser and a named statement. */
export const start: StartContender = ({ databaseUrl, secretKey }) => {
  const pool = makePool(databaseUrl);
  const app = new Koa();
  app.use(bodyParser({ enableTypes: ['form'], formLimit: '16kb' }));
  app.use(async (context) => {
    if (context.path !== '/dragonpay/callback' || context.method !== 'POST') return;
    const fields = (context.request as unknown as { body: Record<string, string> }).body;
    if (!digestHolds(fields, secretKey)) {
      context.status = 400;
      return;
    }
    await pool.query({ name: 'settle', text: plainUpdate, values: [fields.txnid, fields.status, fields.refno] });
    context.type = 'text/plain';
    context.body = 'result=OK';
  });
  return listen(app.callback());
};
