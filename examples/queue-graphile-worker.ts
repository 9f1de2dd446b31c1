import { createDragonpay, DragonpayCallback, generateTxnId, OnStatus, type QueuedCallback } from 'dragonpay-callback';
import { toExpressHandler } from 'dragonpay-callback/express';
import { graphileQueue, graphileTasks } from 'dragonpay-callback/graphile-worker';
import express from 'express';
import { Logger, run } from 'graphile-worker';
import { announce, openDatabase, openRepository, port, settings } from './support/demo-merchant.js';

/** Sends mail after the commit with Graphile Worker, on the PostgreSQL of `DATABASE_URL` or an embedded one. */
@DragonpayCallback()
class CheckoutCallback {
  @OnStatus('S', { queue: 'mail' })
  async thank({ data, job }: QueuedCallback<'S'>) {
    console.log(`mail for ${data.txnid}, with the key ${job.key}`);
  }
}

const connectionString = await openDatabase();
const repository = await openRepository(connectionString);
const { txnid } = await repository.createPayment({ txnid: generateTxnId({ prefix: 'EX-' }), amount: '100.00' });
const dragonpay = createDragonpay({ ...settings, repository, queue: graphileQueue() });
// The worker can also run in another process. `run` creates the tables of Graphile Worker.
await run({
  connectionString,
  taskList: graphileTasks(dragonpay.work(CheckoutCallback)),
  crontab: '',
  logger: new Logger(() => (level, message) => level === 'error' && console.error(message)),
});

const app = express();
app.all('/dragonpay/callback', toExpressHandler(dragonpay.endpoint(CheckoutCallback)));
announce(app.listen(port, '127.0.0.1'), '/dragonpay/callback', { txnid, refno: 'R1', status: 'S', message: 'Paid' });
