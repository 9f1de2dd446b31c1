import { createDragonpay, DragonpayCallback, generateTxnId, OnStatus, type QueuedCallback } from 'dragonpay-callback';
import { toExpressHandler } from 'dragonpay-callback/express';
import { pgBossQueue, workWithPgBoss } from 'dragonpay-callback/pg-boss';
import express from 'express';
import PgBoss from 'pg-boss';
import { announce, openDatabase, openRepository, port, settings } from './support/demo-merchant.js';

/** Sends mail after the commit with pg-boss, on the PostgreSQL of `DATABASE_URL` or an embedded one. */
@DragonpayCallback()
class CheckoutCallback {
  @OnStatus('S', { queue: 'mail' })
  async thank({ data, job }: QueuedCallback<'S'>) {
    console.log(`mail for ${data.txnid}, with the key ${job.key}`);
  }
}

const connectionString = await openDatabase();
const boss = new PgBoss({ connectionString, schedule: false });
boss.on('error', (error) => console.error(`pg-boss: ${error.message}`));
await boss.start();

const repository = await openRepository(connectionString);
const { txnid } = await repository.createPayment({ txnid: generateTxnId({ prefix: 'EX-' }), amount: '100.00' });
const dragonpay = createDragonpay({ ...settings, repository, queue: pgBossQueue(boss) });
// The worker can also run in another process.
await workWithPgBoss(boss, dragonpay.work(CheckoutCallback), { pollingIntervalSeconds: 0.5 });

const app = express();
app.all('/dragonpay/callback', toExpressHandler(dragonpay.endpoint(CheckoutCallback)));
announce(app.listen(port, '127.0.0.1'), '/dragonpay/callback', { txnid, refno: 'R1', status: 'S', message: 'Paid' });
