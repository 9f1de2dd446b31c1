import { Kysely, PostgresDialect } from 'kysely';
import { createDragonpay, DragonpayCallback, OnPost } from '../../src/index.js';
import { type DragonpayTables, KyselyRepository, withNamedStatements } from '../../src/kysely.js';
import type { CallbackEndpoint } from '../../src/model/callback-request.js';
import { type ContenderSettings, makePool } from '../contender.js';

/** A handler whose method does nothing, so that only the work of the package is measured. */
@DragonpayCallback()
class BenchCallback {
  @OnPost()
  async settle(): Promise<void> {}
}

/** The package as its documentation sets it up, with inbox, batches and named statements. */
export function makeEndpoint({ databaseUrl, secretKey }: ContenderSettings): CallbackEndpoint {
  const db = new Kysely<DragonpayTables>({
    dialect: new PostgresDialect({ pool: withNamedStatements(makePool(databaseUrl)) }),
  });
  const dragonpay = createDragonpay({
    merchantId: 'BENCH',
    environment: 'test',
    verification: { sha1: { secretKeys: [secretKey] } },
    repository: new KyselyRepository(db),
  });
  return dragonpay.endpoint(BenchCallback);
}
