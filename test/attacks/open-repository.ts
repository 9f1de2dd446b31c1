import { Kysely, MysqlDialect, PostgresDialect } from 'kysely';
import pg from 'pg';
import { MemoryRepository } from '../../src/index.js';
import {
  type DragonpayTables,
  KyselyRepository,
  type KyselyRepositoryOptions,
  withNamedStatements,
} from '../../src/kysely.js';
import { mysqlDialect } from '../../src/mysql.js';
import { sqliteDialect } from '../../src/sqlite.js';
import { mysqlPool } from '../support/mysql-database.js';
import { openSqlite } from '../support/sqlite.js';

const { ATTACKED_DATABASE: url } = process.env;

/** The repository of a process that is attacked: on the database of `ATTACKED_DATABASE`, or in memory. */
export function openRepository(options: Omit<KyselyRepositoryOptions, 'dialect'> = {}) {
  if (url === undefined) return new MemoryRepository();
  if (url.startsWith('sqlite:')) {
    return new KyselyRepository(openSqlite(url.slice('sqlite:'.length)), { ...options, dialect: sqliteDialect });
  }
  if (url.startsWith('mysql:')) {
    const db = new Kysely<DragonpayTables>({ dialect: new MysqlDialect({ pool: mysqlPool(url) }) });
    return new KyselyRepository(db, { ...options, dialect: mysqlDialect });
  }
  const pool = withNamedStatements(new pg.Pool({ connectionString: url }));
  return new KyselyRepository(new Kysely<DragonpayTables>({ dialect: new PostgresDialect({ pool }) }), options);
}
