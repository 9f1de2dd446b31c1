import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Kysely } from 'kysely';
import { schema } from '../../repository/kysely/schema.js';
import { SqliteFileDialect } from '../../repository/kysely/sqlite/file-dialect.js';
import type { SqliteFileHandle } from '../../repository/kysely/sqlite/file-handle.js';
import { sqliteDialect } from '../../repository/kysely/sqlite/sqlite.js';
import { quoteName, type TableKey, type TableNames, tableName } from '../../repository/kysely/table-names.js';
import { type Check, found } from '../doctor/check.js';
import { CommandFailure } from '../report.js';
import type { CliDatabase, FoundTable, FoundTables } from './database.js';

/** A file of SQLite, by the first driver that is installed. */
export const sqliteDatabase: CliDatabase = {
  dialect: sqliteDialect,

  async open(url) {
    const open = await findDriver();
    return new Kysely<unknown>({ dialect: new SqliteFileDialect({ open: () => open(fileOf(url)) }) });
  },

  async inspect(url) {
    const open = await findDriver();
    const file = fileOf(url);
    // Without this check, the driver would create an empty file.
    await access(file);
    // SqliteFileDialect is not used, because it would set the journal mode of the file.
    const handle = open(file);
    handle.prepare('pragma query_only = on').all();
    const query: Query = async (sql) => handle.prepare(sql).all();
    return {
      checkServer: async () => [...(await checkVersion(query)), ...(await checkWritable(file))],
      readTables: (names) => readTables(query, names),
      readMigrations: async (table) => {
        const [known] = await query(`select 1 from sqlite_master where type = 'table' and name = ${quoteText(table)}`);
        if (known === undefined) return undefined;
        return (await query<{ name: string }>(`select name from ${quoteName(table)}`)).map(({ name }) => name);
      },
      close: async () => void handle.close(),
    };
  },
};

type Query = <Row>(sql: string) => Promise<Row[]>;

/** The path in `sqlite:shop.db`, `file:./shop.db`, `file:///srv/shop.db` or `sqlite:///srv/shop.db`. */
function fileOf(url: string): string {
  const path = url.trim().replace(/^[a-z]+:(?:\/\/(?=\/))?/i, '');
  if (path === '' || path.startsWith('//') || path.startsWith(':')) {
    throw new CommandFailure('the URL of a SQLite database must name a file, such as sqlite:shop.db');
  }
  return decodeURIComponent(path);
}

/**
 * The packages that can open a file. The first one that is installed is used. Each exports its class in its own way.
 */
const drivers = ['libsql', 'better-sqlite3', 'node:sqlite'] as const;

type OpenFile = (file: string) => SqliteFileHandle;

/** @throws CommandFailure where no driver is installed */
async function findDriver(): Promise<OpenFile> {
  for (const name of drivers) {
    const { default: exported, DatabaseSync } = await importIfInstalled(name);
    const Database = (DatabaseSync ?? exported) as (new (file: string) => SqliteFileHandle) | undefined;
    if (Database !== undefined) return (file) => new Database(file);
  }
  throw new CommandFailure('this command needs the package libsql: run npm install libsql in the project');
}

async function importIfInstalled(name: string): Promise<Record<string, unknown>> {
  try {
    return await import(name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'ERR_UNKNOWN_BUILTIN_MODULE') return {};
    throw error;
  }
}

async function checkVersion(query: Query): Promise<Check[]> {
  const [row] = await query<{ version: string }>('select sqlite_version() as version');
  const [major = 0, minor = 0] = (row?.version ?? '').split('.').map(Number);
  if (major > 3 || (major === 3 && minor >= 42)) return [];
  return [found('version', `the driver has SQLite ${row?.version}`, 'use a driver with SQLite 3.42 or later')];
}

async function readTables(query: Query, names: TableNames): Promise<FoundTables> {
  const tables = new Map<TableKey, FoundTable>();
  for (const key of Object.keys(schema) as TableKey[]) {
    const table = quoteText(tableName(names, key));
    const columns = await query<{ name: string; pk: number | bigint }>(
      `select name, pk from pragma_table_info(${table}) order by name`,
    );
    if (columns.length === 0) continue;
    const indexes = await query<{ name: string }>(
      `select name from sqlite_master where type = 'index' and tbl_name = ${table}`,
    );
    tables.set(key, {
      columns: columns.map(({ name }) => name),
      primaryKey: columns.filter(({ pk }) => Number(pk) > 0).map(({ name }) => name),
      indexes: indexes.map(({ name }) => name),
      mayWrite: true,
    });
  }
  return tables;
}

/** The folder must be writable, too: SQLite creates other files beside the database. */
async function checkWritable(file: string): Promise<Check[]> {
  try {
    for (const path of [file, dirname(file)]) await access(path, constants.W_OK);
    return [];
  } catch {
    return [found('writable', 'the file or its folder may not be written', 'let the user of the handler write both')];
  }
}

function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
