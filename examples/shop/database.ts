import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createMigrations,
  type DragonpayTables,
  KyselyRepository,
  type RepositoryDialect,
  withNamedStatements,
} from 'dragonpay-callback/kysely';
import { SqliteFileDialect, sqliteDialect } from 'dragonpay-callback/sqlite';
import { type ColumnType, Kysely, type Migration, type MigrationProvider, Migrator, PostgresDialect } from 'kysely';
import Sqlite from 'libsql';
import pg from 'pg';
import { startEmbeddedPostgres } from '../support/embedded-postgres/embedded-postgres.js';
import { oneLine } from './log.js';
import type { ShopSettings } from './shop-settings.js';

/** The table `orders` of the shop: one row for each order. */
export interface OrdersTable {
  txnid: string;
  /** A Date in PostgreSQL; in SQLite the same moment as text, UTC. */
  paid_at: ColumnType<Date | string | null, undefined, Date | null>;
  /** The URL at which the payer can pay. */
  payment_url: ColumnType<string | null, undefined, string>;
  /** The `procid` of a pending payment. */
  channel: ColumnType<string | null, undefined, string | null>;
  /** Whether the payer cancelled a failed payment. SQLite has no booleans: 0 or 1. */
  cancelled: ColumnType<boolean | 0 | 1, undefined, boolean>;
}

/** The tables of the package and of the shop. */
export interface Database extends DragonpayTables {
  orders: OrdersTable;
}

/** A migrated database. */
export interface OpenDatabase {
  readonly db: Kysely<Database>;
  readonly repository: KyselyRepository<Database>;
  /** Closes the connections, and stops an embedded PostgreSQL. */
  close(): Promise<void>;
}

/** A database that is not migrated yet. */
interface FoundDatabase {
  readonly db: Kysely<Database>;
  /** The dialect of the repository. `undefined`: PostgreSQL's. */
  readonly dialect?: RepositoryDialect;
  close(): Promise<void>;
}

/** Opens the PostgreSQL of `DATABASE_URL`, or the database of `DATABASE` with its data in the data folder. */
export async function openDatabase(settings: ShopSettings): Promise<OpenDatabase> {
  const { db, dialect, close } = await (settings.database === 'sqlite' ? openSqlite(settings) : openPostgres(settings));
  try {
    const options = dialect && { dialect };
    const migrations = createMigrations(options);
    await migrate(db, { provider: migrations, ...migrations });
    await migrate(db, {
      provider: { getMigrations: async () => shopMigrations },
      migrationTableName: 'shop_migrations',
      migrationLockTableName: 'shop_migrations_lock',
    });
    return { db, repository: new KyselyRepository(db, options), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A file in the data folder. */
async function openSqlite({ dataFolder }: ShopSettings): Promise<FoundDatabase> {
  await mkdir(dataFolder, { recursive: true });
  const open = () => new Sqlite(join(dataFolder, 'shop.db'));
  const db = new Kysely<Database>({ dialect: new SqliteFileDialect({ open }) });
  return { db, dialect: sqliteDialect, close: () => db.destroy() };
}

async function openPostgres({ databaseUrl, dataFolder }: ShopSettings): Promise<FoundDatabase> {
  const embedded = databaseUrl === undefined ? await startEmbeddedPostgres({ dataFolder }) : undefined;
  const pool = new pg.Pool({ connectionString: databaseUrl ?? embedded?.url, connectionTimeoutMillis: 5_000 });
  // The pool replaces an idle connection that breaks. Without a listener the error would end the process. While the
  // shop closes, the server may close a connection first, which is no problem.
  pool.on('error', (error) => {
    if (!pool.ending) console.error(`database: ${oneLine(error)}`);
  });
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: withNamedStatements(pool) }) });
  const close = async () => {
    await db.destroy();
    await embedded?.stop();
  };
  try {
    await pool.query('select');
  } catch (error) {
    await close();
    throw new Error(`the database cannot be reached: ${oneLine(error)}`, { cause: error });
  }
  return { db, close };
}

const shopMigrations: Readonly<Record<string, Migration>> = {
  '0001_orders': {
    up: (db) =>
      db.schema
        .createTable('orders')
        .addColumn('txnid', 'varchar(40)', (column) =>
          column.primaryKey().references('dragonpay_transactions.txnid').onDelete('cascade'),
        )
        .addColumn('paid_at', 'timestamptz')
        .execute(),
  },
  '0002_payment_page': {
    // SQLite adds one column at a time.
    up: async (db) => {
      const orders = db.schema.alterTable('orders');
      await orders.addColumn('payment_url', 'text').execute();
      await orders.addColumn('channel', 'text').execute();
      await orders.addColumn('cancelled', 'boolean', (column) => column.notNull().defaultTo(false)).execute();
    },
  },
};

async function migrate(
  db: Kysely<Database>,
  options: { provider: MigrationProvider; migrationTableName: string; migrationLockTableName: string },
): Promise<void> {
  const { error } = await new Migrator({ db, ...options }).migrateToLatest();
  if (error !== undefined) throw new Error(`the database cannot be migrated: ${oneLine(error)}`, { cause: error });
}
