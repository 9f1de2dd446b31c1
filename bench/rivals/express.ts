import express from 'express';
import { listen, makePool, plainUpdate, type StartContender } from '../contender.js';
import { digestHolds } from './digest-holds.js';

/** Express with its urlencoded parser and a named statement. ETags are off, since a callback does not need them. */
export const start: StartContender = ({ databaseUrl, secretKey }) => {
  const pool = makePool(databaseUrl);
  const app = express();
  app.disable('x-powered-by').disable('etag');
  app.post('/dragonpay/callback', express.urlencoded({ extended: false, limit: '16kb' }), async (request, response) => {
    const fields = request.body as Record<string, string>;
    if (!digestHolds(fields, secretKey)) return void response.sendStatus(400);
    await pool.query({ name: 'settle', text: plainUpdate, values: [fields.txnid, fields.status, fields.refno] });
    response.type('text/plain').send('result=OK');
  });
  return listen(app);
};
