import type { DragonpayTables } from 'dragonpay-callback/kysely';
import { createMigrations, withNamedStatements } from 'dragonpay-callback/kysely';
import { Kysely, type Migration, type MigrationProvider, Migrator, PostgresDialect } from 'kysely';
import pg from 'pg';
import { startEmbeddedPostgres } from '../support/embedded-postgres/embedded-postgres.js';
import { oneLine } from './log.js';
import type { ShopSettings } from './shop-settings.js';

/** `orders`, the shop's own table: one row an order. */
export interface OrdersTable {
  txnid: string;
  paid_at: Date | null;
}

/** The tables of this package, and those of the shop. */
export interface Database extends DragonpayTables {
  orders: OrdersTable;
}

/** A database that is migrated and ready. */
export interface OpenDatabase {
  readonly db: Kysely<Database>;
  /** Ends the connections, and the PostgreSQL if it is the embedded one. */
  close(): Promise<void>;
}

/** Opens the database: the one of `DATABASE_URL`, or an embedded one with its data in the data folder. */
export async function openDatabase({ databaseUrl, dataFolder }: ShopSettings): Promise<OpenDatabase> {
  const embedded = databaseUrl === undefined ? await startEmbeddedPostgres({ dataFolder }) : undefined;
  const pool = new pg.Pool({ connectionString: databaseUrl ?? embedded?.url, connectionTimeoutMillis: 5_000 });
  // A connection that breaks while it is idle is replaced; without a listener it would end the process. One that
  // breaks while the shop closes is only ended by the server before it ended by itself.
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
