import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kysely, Migrator } from 'kysely';
import Database from 'libsql';
import { createMigrations, type DragonpayTables, type TableNames } from '../../src/kysely.js';
import { SqliteFileDialect, type SqliteFileOptions, sqliteDialect } from '../../src/sqlite.js';

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

/** Opens a file with libsql, which runs on every Node that the tests run on. */
export function openSqlite(file: string, options: Partial<SqliteFileOptions> = {}): Kysely<DragonpayTables> {
  return new Kysely({ dialect: new SqliteFileDialect({ open: () => new Database(file), ...options }) });
}
