import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { DragonpayCallback, OnStatus, type QueuedCallback } from '../../src/index.js';
import { type DragonpayTables, KyselyRepository } from '../../src/kysely.js';
import { post, testDragonpay } from './dispatch-signed.js';
import { queues } from './queues.js';

/**
 * A process of a shop with a queue. `ROLE=receive` receives a callback, prints the answer and runs no job. `ROLE=work`
 * runs jobs. With `HANG`, it starts a job and never finishes it.
 */
const { DATABASE_URL: url = '', QUEUE = '', ROLE, HANG, TXNID = '' } = process.env;

type Database = DragonpayTables & { work: { key: string; event: 'began' | 'shipped' } };
const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) }) });

@DragonpayCallback()
class Shop {
  @OnStatus('S', { queue: 'ship' })
  async ship({ job }: QueuedCallback<'S'>) {
    await db.insertInto('work').values({ key: job.key, event: 'began' }).execute();
    console.log(`began ${job.key}`);
    if (HANG !== undefined) await new Promise(() => {});
    // A courier with idempotency keys does the same.
    await db
      .insertInto('work')
      .values({ key: job.key, event: 'shipped' })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    console.log(`shipped ${job.key}`);
  }
}

const ready = await queues[QUEUE]?.(url);
if (ready === undefined) throw new Error(`there is no queue ${QUEUE}`);
const dragonpay = testDragonpay({ repository: new KyselyRepository(db), queue: ready.queue });

if (ROLE === 'receive') {
  const reply = await post(dragonpay, Shop, { txnid: TXNID });
  console.log(`answered ${reply.status} ${reply.body}`);
} else {
  await ready.work(dragonpay.work(Shop));
  console.log('working');
}
setInterval(() => {}, 1_000);
