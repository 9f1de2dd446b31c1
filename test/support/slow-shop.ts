/** An application process with slow handlers. `slow-shops.ts` starts it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { toNodeListener } from '../../adapters/http/node.js';
import { type Callback, createDragonpay, DragonpayCallback, OnPost, OnStatus } from '../../src/index.js';
import { type DragonpayTables, KyselyRepository, type StoredCallback, withNamedStatements } from '../../src/kysely.js';

interface Database extends DragonpayTables {
  shop_effects: { txnid: string; handler: string };
}

const { DATABASE_URL: connectionString, SHOP_CLASS, SHOP_POOL, SHOP_BUSY } = process.env;
const pool = new pg.Pool({ connectionString, max: Number(SHOP_POOL) });
pool.on('error', () => {});

/** Takes a second for `slow-…` and `failing-…`. The first try of `failing-…` throws, in whichever process it runs. */
async function work({ trx, data }: StoredCallback<'S', Database>, handler: string): Promise<void> {
  const { txnid } = data;
  await trx.insertInto('shop_effects').values({ txnid, handler }).execute();
  if (txnid.startsWith('slow-') || txnid.startsWith('failing-')) await sleep(1_000);
  if (!txnid.startsWith('failing-')) return;
  const { rowCount } = await pool.query('insert into shop_tries values ($1) on conflict do nothing', [txnid]);
  if (rowCount === 1) throw new Error('the first try fails');
}

@DragonpayCallback()
class Courier {
  @OnStatus('S')
  async ship(callback: StoredCallback<'S', Database>) {
    await work(callback, 'Courier');
  }

  @OnPost()
  settle(callback: Callback) {
    return callback.valid ? callback.update.outcome : undefined;
  }
}

@DragonpayCallback({ updateOnGet: true })
class Ledger {
  @OnStatus('S')
  async book(callback: StoredCallback<'S', Database>) {
    await work(callback, 'Ledger');
  }

  @OnPost()
  answer(callback: Callback) {
    return callback.valid ? callback.update.outcome : undefined;
  }
}

const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: withNamedStatements(pool) }) });
const dragonpay = createDragonpay({
  merchantId: 'SHOP',
  environment: 'test',
  verification: { hmac: { keys: ['secret of the slow shop'] } },
  repository: new KyselyRepository(db, SHOP_BUSY === undefined ? {} : { busyMilliseconds: Number(SHOP_BUSY) }),
  ...(SHOP_BUSY !== undefined && { limits: { storeMilliseconds: Number(SHOP_BUSY) } }),
  hooks: { stored: () => {}, handlerFailed: () => {} },
});
const endpoint = dragonpay.endpoint(SHOP_CLASS === 'Ledger' ? Ledger : Courier);
const listener = toNodeListener(endpoint);
const counts = { received: 0, answered: 0 };
const server = createServer((request, response) => {
  counts.received++;
  response.on('finish', () => counts.answered++);
  return listener(request, response);
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('message', () => {
  const { totalCount, idleCount, waitingCount } = pool;
  process.send?.({ pool: { inUse: totalCount - idleCount, waiting: waitingCount } });
});
process.on('disconnect', () => process.exit());
process.once('SIGTERM', async () => {
  const isClosed = new Promise((resolve) => server.close(resolve));
  const isDrained = await dragonpay.close();
  await isClosed;
  await db.destroy();
  process.send?.({ ...counts, isDrained }, () => process.exit());
});
