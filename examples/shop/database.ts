import type { DragonpayTables } from 'dragonpay-callback/kysely';
import { createMigrations, withNamedStatements } from 'dragonpay-callback/kysely';
import {
  type ColumnType,
  type Generated,
  Kysely,
  type Migration,
  type MigrationProvider,
  Migrator,
  PostgresDialect,
} from 'kysely';
import pg from 'pg';
import { startEmbeddedPostgres } from '../support/embedded-postgres/embedded-postgres.js';
import { oneLine } from './log.js';
import type { ShopSettings } from './shop-settings.js';

/** The table `orders` of the shop: one row for each order. */
export interface OrdersTable {
  txnid: string;
  paid_at: ColumnType<Date | null, undefined, Date | null>;
  /** Where the payer can pay. */
  payment_url: ColumnType<string | null, undefined, string>;
  /** The `procid` of a pending payment. */
  channel: ColumnType<string | null, undefined, string | null>;
  /** Whether the payer cancelled a failed payment. */
  cancelled: Generated<boolean>;
}

/** The tables of the package and of the shop. */
export interface Database extends DragonpayTables {
  orders: OrdersTable;
}

/** A migrated database. */
export interface OpenDatabase {
  readonly db: Kysely<Database>;
  /** Closes the connections, and stops an embedded PostgreSQL. */
  close(): Promise<void>;
}

/** Opens the database of `DATABASE_URL`, or an embedded one with its data in the data folder. */
export async function openDatabase({ databaseUrl, dataFolder }: ShopSettings): Promise<OpenDatabase> {
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
    await reach(pool);
    const migrations = createMigrations();
    await migrate(db, { provider: migrations, ...migrations });
    await migrate(db, {
      provider: { getMigrations: async () => shopMigrations },
      migrationTableName: 'shop_migrations',
      migrationLockTableName: 'shop_migrations_lock',
    });
    return { db, close };
  } catch (error) {
    await close();
    throw error;
  }
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
    up: (db) =>
      db.schema
        .alterTable('orders')
        .addColumn('payment_url', 'text')
        .addColumn('channel', 'text')
        .addColumn('cancelled', 'boolean', (column) => column.notNull().defaultTo(false))
        .execute(),
  },
};

async function reach(pool: pg.Pool): Promise<void> {
  try {
    await pool.query('select');
  } catch (error) {
    throw new Error(`the database cannot be reached: ${oneLine(error)}`, { cause: error });
  }
}

async function migrate(
  db: Kysely<Database>,
  options: { provider: MigrationProvider; migrationTableName: string; migrationLockTableName: string },
): Promise<void> {
  const { error } = await new Migrator({ db, ...options }).migrateToLatest();
  if (error !== undefined) throw new Error(`the database cannot be migrated: ${oneLine(error)}`, { cause: error });
}
