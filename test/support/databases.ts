import { Kysely, MysqlDialect, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { type DragonpayTables, type RepositoryDialect, withNamedStatements } from '../../src/kysely.js';
import { mysqlDialect } from '../../src/mysql.js';
import { postgres } from '../../src/repository/kysely/postgres/postgres.js';
import { sqliteDialect } from '../../src/sqlite.js';
import { createTestDatabase } from './database.js';
import { hasMariadb } from './mariadb-server.js';
import { createMysqlDatabase, mysqlPool } from './mysql-database.js';
import { createSqliteDatabase } from './sqlite.js';

/** A database of one suite, with the tables of this package. */
export interface CreatedDatabase {
  readonly url: string;
  readonly db: Kysely<DragonpayTables>;
  /** Connects once more, as another process does. Closed by `destroy`. */
  connect(): Kysely<DragonpayTables>;
  destroy(): Promise<void>;
}

/** A kind of database that the same tests run on. */
export interface DatabaseUnderTest {
  readonly name: string;
  readonly dialect: RepositoryDialect;
  /** Whether this machine can start it. */
  readonly isHere: boolean;
  create(): Promise<CreatedDatabase>;
}

/** Every kind of database that `KyselyRepository` has a dialect for. */
export const databases: readonly DatabaseUnderTest[] = [
  {
    name: 'PostgreSQL',
    dialect: postgres,
    isHere: true,
    create: async () => {
      const database = await createTestDatabase();
      return connected(database, () => {
        const pool = new pg.Pool({ connectionString: database.url, max: 4 }).on('error', () => {});
        return new Kysely({ dialect: new PostgresDialect({ pool: withNamedStatements(pool) }) });
      });
    },
  },
  {
    name: 'MariaDB',
    dialect: mysqlDialect,
    // In CI it must be there: without it, the tests fail.
    isHere: hasMariadb || process.env.CI !== undefined,
    create: async () => {
      const database = await createMysqlDatabase();
      return connected(
        database,
        () => new Kysely({ dialect: new MysqlDialect({ pool: mysqlPool(database.url, { connectionLimit: 4 }) }) }),
      );
    },
  },
  { name: 'SQLite', dialect: sqliteDialect, isHere: true, create: () => createSqliteDatabase() },
];

/** Describes the same cases for each database that this machine has. */
export function describeDatabases(title: string, cases: (database: DatabaseUnderTest) => void): void {
  for (const database of databases) {
    if (database.isHere) describe(`${title}, on ${database.name}`, () => cases(database));
    else describe.skip(`${title}, on ${database.name} (skipped: it is not installed)`, () => cases(database));
  }
}

/** Deletes all rows of this package. */
export async function emptyTables(db: Kysely<DragonpayTables>): Promise<void> {
  for (const table of ['transactions', 'payouts', 'callbacks']) {
    await sql`delete from ${sql.table(`dragonpay_${table}`)}`.execute(db);
  }
}

type Given = Pick<CreatedDatabase, 'url' | 'db' | 'destroy'>;

function connected({ url, db, destroy }: Given, connect: () => Kysely<DragonpayTables>): CreatedDatabase {
  const others: Kysely<DragonpayTables>[] = [];
  return {
    url,
    db,
    connect: () => {
      const other = connect();
      others.push(other);
      return other;
    },
    destroy: async () => {
      for (const other of others) await other.destroy();
      await destroy();
    },
  };
}
