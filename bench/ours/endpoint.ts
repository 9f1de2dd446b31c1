import { Kysely, PostgresDialect } from 'kysely';
import { createDragonpay, DragonpayCallback, OnPost } from '../../src/index.js';
import { type DragonpayTables, KyselyRepository, withNamedStatements } from '../../src/kysely.js';
import type { CallbackEndpoint } from '../../src/model/callback-request.js';
import { makePool, type Surroundings } from '../contender.js';

/** A handler that is called, and does nothing: the work that is measured is the package's. */
@DragonpayCallback()
class BenchCallback {
  @OnPost()
  async settle(): Promise<void> {}
}

/** The whole package, as its documentation sets it up: the check of the move, the inbox, batches, named statements. */
export function makeEndpoint({ databaseUrl, secretKey }: Surroundings): CallbackEndpoint {
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
