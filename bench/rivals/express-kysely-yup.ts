import express from 'express';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { object, string } from 'yup';
import { listen, makePool, type StartContender } from '../contender.js';
import { digestHolds } from './digest-holds.js';

interface Database {
  payments: { txnid: string; refno: string; status: string; modified_at: Date };
}

const shape = object({
  txnid: string().required().max(40),
  refno: string().required().max(32),
  status: string().required().length(1),
  message: string().max(1024),
  digest: string().required().length(40),
}).strict();

/** Express, yup and Kysely: convenient rather than fast. */
export const start: StartContender = ({ databaseUrl, secretKey }) => {
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: makePool(databaseUrl) }) });
  const app = express();
  app.disable('x-powered-by').disable('etag');
  app.post('/dragonpay/callback', express.urlencoded({ extended: false, limit: '16kb' }), async (request, response) => {
    const fields = shape.validateSync(request.body);
    if (!digestHolds(fields, secretKey)) return void response.sendStatus(400);
    await db
      .updateTable('payments')
      .set({ status: fields.status, refno: fields.refno, modified_at: sql`now()` })
      .where('txnid', '=', fields.txnid)
      .execute();
    response.type('text/plain').send('result=OK');
  });
  return listen(app);
};
