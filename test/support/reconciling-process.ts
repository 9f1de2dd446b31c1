import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { createDragonpay, DragonpayCallback, OnStatus } from '../../src/index.js';
import { type DragonpayTables, KyselyRepository, type StoredCallback } from '../../src/kysely.js';

/** Reconciles once, ships paid orders in the same transaction, and prints the report. */
type Database = DragonpayTables & { shipped: { txnid: string } };

@DragonpayCallback()
class Shop {
  @OnStatus('S')
  async ship({ trx, data }: StoredCallback<'S', Database>) {
    await trx.insertInto('shipped').values({ txnid: data.txnid }).execute();
  }
}

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
const dragonpay = createDragonpay({
  merchantId: 'ACME',
  environment: { gateway: process.env.GATEWAY_URL ?? '' },
  apiKey: 'api key',
  verification: { sha1: { secretKeys: ['secret'] } },
  repository: new KyselyRepository(db),
  // Short limits make a short lease, so that the next process soon asks about the payments of a killed one.
  inquiry: {
    attempts: 1,
    timeoutMilliseconds: Number(process.env.TIMEOUT ?? 400),
  },
  limits: { storeMilliseconds: 500, handlerMilliseconds: 500 },
});
const report = await dragonpay.reconcile({
  ...{ olderThan: 0, limit: 1000, handler: Shop },
  concurrency: Number(process.env.CONCURRENCY ?? 4),
});
console.log(`report ${JSON.stringify(report)}`);
await db.destroy();
