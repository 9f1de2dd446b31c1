import { randomBytes } from 'node:crypto';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { type DragonpayTables, type TableNames, withNamedStatements } from '../../src/kysely.js';
import { findTestServer, migrateTestDatabase, runOnServer, urlOfDatabase } from './test-server.js';

/** A database of one suite on the test server, with the tables of this package. */
export interface TestDatabase {
  readonly url: string;
  readonly pool: pg.Pool;
  readonly db: Kysely<DragonpayTables>;
  /** Ends the pool and drops the database. */
  destroy(): Promise<void>;
}

/** Creates a database: a copy of the template, or with other table names an empty one that is migrated here. */
export async function createTestDatabase(
  options: TableNames & { readonly poolSize?: number } = {},
): Promise<TestDatabase> {
  const { poolSize = 10, ...names } = options;
  const isPlain = Object.keys(names).length === 0;
  const server = await findTestServer();
  const name = `dragonpay_test_${randomBytes(6).toString('hex')}`;
  await runOnServer(server.url, `create database ${name}${isPlain ? ` template ${server.template}` : ''}`);
  const url = urlOfDatabase(server.url, name);
  const pool = new pg.Pool({ connectionString: url, max: poolSize });
  pool.on('error', () => {});
  const db = new Kysely<DragonpayTables>({ dialect: new PostgresDialect({ pool: withNamedStatements(pool) }) });
  if (!isPlain) await migrateTestDatabase(db, names);
  return {
    url,
    pool,
    db,
    destroy: async () => {
      await db.destroy();
      await runOnServer(server.url, `drop database if exists ${name} with (force)`);
    },
  };
}
