import { Kysely, PostgresDialect } from 'kysely';
import { toNodeListener } from '../../adapters/http/node.js';
import { createDragonpay, DragonpayCallback, OnStatus } from '../../src/index.js';
import { type DragonpayTables, KyselyRepository, type StoredCallback, withNamedStatements } from '../../src/kysely.js';
import { listen, makePool, type StartContender } from '../contender.js';

interface Database extends DragonpayTables {
  ledger: { txnid: string };
}

@DragonpayCallback()
class LedgerCallback {
  @OnStatus('S')
  async book(callback: StoredCallback<'S', Database>): Promise<void> {
    await callback.trx.insertInto('ledger').values({ txnid: callback.data.txnid }).execute();
  }
}

/** Books each payment in the transaction that stores it, so that lost and doubled effects can be counted. */
export const start: StartContender = ({ databaseUrl, secretKey }) => {
  const db = new Kysely<Database>({
    dialect: new PostgresDialect({ pool: withNamedStatements(makePool(databaseUrl)) }),
  });
  const dragonpay = createDragonpay({
    merchantId: 'BENCH',
    environment: 'test',
    verification: { sha1: { secretKeys: [secretKey] } },
    repository: new KyselyRepository(db),
  });
  return listen(toNodeListener(dragonpay.endpoint(LedgerCallback)));
};
