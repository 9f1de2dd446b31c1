import { Kysely, MysqlDialect, PostgresDialect } from 'kysely';
import Database from 'libsql';
import { toNodeListener } from '../../adapters/http/node.js';
import { createDragonpay, DragonpayCallback, type HandlerClass, OnPost } from '../../src/index.js';
import {
  type DragonpayTables,
  KyselyRepository,
  type RepositoryDialect,
  withNamedStatements,
} from '../../src/kysely.js';
import { mysqlDialect } from '../../src/mysql.js';
import { SqliteFileDialect, sqliteDialect } from '../../src/sqlite.js';
import { mysqlPool } from '../../test/support/mysql-database.js';
import { type ContenderSettings, listen, makePool, type StartContender } from '../contender.js';

export interface OrdersDatabase extends DragonpayTables {
  orders: { txnid: string; paid: boolean };
}

/** A database by the scheme of its URL, as its documentation sets it up. */
export function openByUrl(url: string): { db: Kysely<OrdersDatabase>; dialect?: RepositoryDialect } {
  const { protocol, pathname } = new URL(url);
  if (protocol === 'sqlite:') {
    return {
      db: new Kysely({ dialect: new SqliteFileDialect({ open: () => new Database(pathname) }) }),
      dialect: sqliteDialect,
    };
  }
  if (protocol === 'mysql:') {
    return { db: new Kysely({ dialect: new MysqlDialect({ pool: mysqlPool(url) }) }), dialect: mysqlDialect };
  }
  return { db: new Kysely({ dialect: new PostgresDialect({ pool: withNamedStatements(makePool(url)) }) }) };
}

@DragonpayCallback()
class BenchCallback {
  @OnPost()
  async settle(): Promise<void> {}
}

export const start: StartContender = (settings) => serve(settings, BenchCallback);

export function serve({ databaseUrl, secretKey }: ContenderSettings, handler: HandlerClass) {
  const { db, dialect } = openByUrl(databaseUrl);
  const dragonpay = createDragonpay({
    merchantId: 'BENCH',
    environment: 'test',
    verification: { sha1: { secretKeys: [secretKey] } },
    repository: new KyselyRepository(db, dialect && { dialect }),
  });
  return listen(toNodeListener(dragonpay.endpoint(handler)));
}
