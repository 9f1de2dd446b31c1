import { randomBytes } from 'node:crypto';
import { Kysely, Migrator, MysqlDialect } from 'kysely';
import mysql, { type Pool, type PoolOptions } from 'mysql2';
import { createMigrations, type DragonpayTables, type TableNames } from '../../src/kysely.js';
import { mysqlDialect } from '../../src/mysql.js';
import { quoteName } from '../../src/repository/kysely/mysql/quote-name.js';
import { hasMariadb } from './mariadb-server.js';
import { findMariadb } from './test-server.js';

/** A database of one suite on the MariaDB of the run, with the tables of this package. */
export interface MysqlTestDatabase {
  readonly url: string;
  readonly pool: Pool;
  readonly db: Kysely<DragonpayTables>;
  /** Sends one statement. Resolves to its rows. */
  query(statement: string, parameters?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** Ends the pool and drops the database. */
  destroy(): Promise<void>;
}

/** Describes tests that need a MariaDB. They are skipped, with a note, where there is none; but never in CI. */
export function describeOnMariadb(title: string, cases: () => void): void {
  if (hasMariadb || process.env.CI !== undefined) describe(title, cases);
  else describe.skip(`${title} (skipped: there is no mariadbd)`, cases);
}

/** A pool whose sessions run under READ COMMITTED, as docs/choosing-a-database.md asks for. */
export function mysqlPool(url: string, options: PoolOptions = {}): Pool {
  const pool = mysql.createPool({ uri: url, ...options });
  pool.on('connection', (connection) => {
    connection.query('set session transaction isolation level read committed');
  });
  return pool;
}

export async function createMysqlDatabase(
  options: TableNames & { readonly poolSize?: number } = {},
): Promise<MysqlTestDatabase> {
  const { poolSize = 10, ...names } = options;
  const server = await findMariadb();
  const name = `dragonpay_test_${randomBytes(6).toString('hex')}`;
  const url = `${server}/${name}`;
  await onServer(server, `create database ${name}`);
  const pool = mysqlPool(url, { connectionLimit: poolSize });
  const db = new Kysely<DragonpayTables>({ dialect: new MysqlDialect({ pool }) });
  const migrations = createMigrations({ ...names, dialect: mysqlDialect });
  const { error } = await new Migrator({ db, provider: migrations, ...migrations }).migrateToLatest();
  if (error) throw error;
  return {
    url,
    pool,
    db,
    query: async (statement, parameters = []) => {
      const [rows] = await pool.promise().query(statement, [...parameters]);
      return rows as Record<string, unknown>[];
    },
    destroy: async () => {
      await db.destroy();
      await onServer(server, `drop database ${name}`);
      if (names.schema !== undefined) await onServer(server, `drop database ${quoteName(names.schema)}`);
    },
  };
}

async function onServer(url: string, statement: string): Promise<void> {
  const connection = await mysql.createConnection(url).promise();
  try {
    await connection.query(statement);
  } finally {
    await connection.end();
  }
}
