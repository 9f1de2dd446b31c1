import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kysely, Migrator } from 'kysely';
import { createMigrations, type DragonpayTables, type TableNames } from '../../src/kysely.js';
import { SqliteFileDialect, type SqliteFileHandle, type SqliteFileOptions, sqliteDialect } from '../../src/sqlite.js';

/** `SQLITE_DRIVER`: another driver than libsql, such as node:sqlite or the path of better-sqlite3. */
const driver = await import(process.env.SQLITE_DRIVER ?? 'libsql');

/** Whether Kysely's own SqliteDialect takes the handles of the driver. */
export const isForKysely = driver.DatabaseSync === undefined;

/** Opens a file with a driver that runs on every Node that the tests run on, or with `SQLITE_DRIVER`. */
export function openFile(file: string): SqliteFileHandle {
  return new (driver.DatabaseSync ?? driver.default)(file);
}

/** A file of one suite, in a folder of its own, with the tables of this package. */
export interface SqliteTestDatabase {
  readonly file: string;
  readonly url: string;
  readonly db: Kysely<DragonpayTables>;
  /** Opens the file once more, as another process does. Closed by `destroy`. */
  connect(options?: Partial<SqliteFileOptions>): Kysely<DragonpayTables>;
  destroy(): Promise<void>;
}

/** Makes a file with the tables. */
export async function createSqliteDatabase(names: TableNames = {}): Promise<SqliteTestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'dragonpay-sqlite-'));
  const file = join(folder, 'test.db');
  const opened: Kysely<DragonpayTables>[] = [];
  const connect = (options: Partial<SqliteFileOptions> = {}) => {
    const db = openSqlite(file, options);
    opened.push(db);
    return db;
  };
  const db = connect();
  const migrations = createMigrations({ dialect: sqliteDialect, ...names });
  const { error } = await new Migrator({ db, provider: migrations, ...migrations }).migrateToLatest();
  if (error !== undefined) throw error;
  return {
    file,
    url: `sqlite:${file}`,
    db,
    connect,
    destroy: async () => {
      for (const each of opened) await each.destroy();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function openSqlite(file: string, options: Partial<SqliteFileOptions> = {}): Kysely<DragonpayTables> {
  return new Kysely({ dialect: new SqliteFileDialect({ open: () => openFile(file), ...options }) });
}
