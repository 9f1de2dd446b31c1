import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { toNodeListener } from '../../adapters/http/node.js';
import { createDragonpay, DragonpayCallback, OnStatus } from '../../src/index.js';
import { type DragonpayTables, KyselyRepository, type StoredCallback, withNamedStatements } from '../../src/kysely.js';
import { type ContenderSettings, listen, type StartContender } from '../contender.js';

interface Database extends DragonpayTables {
  orders: { txnid: string; paid: boolean };
}

/** The README's first example: an order is marked as paid in the transaction that stores the status. */
@DragonpayCallback()
class CheckoutCallback {
  @OnStatus('S')
  async ship({ trx, data }: StoredCallback<'S', Database>): Promise<void> {
    await trx.updateTable('orders').set({ paid: true }).where('txnid', '=', data.txnid).execute();
  }
}

export const start: StartContender = (settings) => serve(settings, false);

/** @param pipeline whether the pool's clients use the pipeline mode of node-postgres */
export function serve({ databaseUrl, secretKey }: ContenderSettings, pipeline: boolean) {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 10, idleTimeoutMillis: 0, pipeline } as pg.PoolConfig);
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: withNamedStatements(pool) }) });
  const dragonpay = createDragonpay({
    merchantId: 'BENCH',
    environment: 'test',
    verification: { sha1: { secretKeys: [secretKey] } },
    repository: new KyselyRepository(db),
  });
  return listen(toNodeListener(dragonpay.endpoint(CheckoutCallback)));
}
