import type { RepositoryDialect } from '../../repository/kysely/dialect.js';
import { createMigrations } from '../../repository/kysely/migrations.js';
import { schema } from '../../repository/kysely/schema.js';
import { quoteTables, type TableKey, type TableNames, tableName } from '../../repository/kysely/table-names.js';
import type { DatabaseInspector, FoundTables } from '../databases/database.js';
import { databaseOf } from '../databases/find-database.js';
import { CommandFailure, errorText } from '../report.js';
import { type Check, found, ok } from './check.js';

const tableKeys = Object.keys(schema) as TableKey[];
const migrate = 'run npx dragonpay-callback migrate up';

/** Examines the database of a handler and changes nothing. Rejects only if its driver is not installed. */
export async function examineDatabase(url: string, names: TableNames): Promise<Check[]> {
  const { dialect, inspect } = await databaseOf(url);
  let inspector: DatabaseInspector | undefined;
  try {
    inspector = await inspect(url);
    const tables = await inspector.readTables(names);
    return [
      ...(await inspector.checkServer()),
      ...(await checkTables(inspector, dialect, names, tables)),
      ...checkIndexes(names, tables),
    ];
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    const fix = 'check the address, the user, and whether this machine may connect';
    return [found('database', `the database fails: ${errorText(error)}`, fix)];
  } finally {
    await inspector?.close().catch(() => {});
  }
}

async function checkTables(
  inspector: DatabaseInspector,
  dialect: RepositoryDialect,
  names: TableNames,
  tables: FoundTables,
): Promise<Check[]> {
  const quoted = quoteTables(names);
  const missing = tableKeys.filter((key) => !tables.has(key));
  if (missing.length > 0) {
    const what = `missing: ${missing.map((key) => quoted[key]).join(', ')}`;
    return [
      found('tables', what, `${migrate}; if the tables have other names, pass --schema, --transactions and so on`),
    ];
  }
  const checks: Check[] = [];
  for (const [key, table] of tables) {
    const lacks = Object.keys(schema[key].columns).filter((column) => !table.columns.includes(column));
    if (lacks.length > 0) checks.push(found('tables', `${quoted[key]} lacks the columns ${lacks.join(', ')}`, migrate));
    if (!table.mayWrite) {
      const fix = `grant select, insert, update on ${quoted[key]} to the user of the handler`;
      checks.push(found('privileges', `this user may not read and write ${quoted[key]}`, fix));
    }
  }
  const migrations = createMigrations({ ...names, dialect });
  // Tables that were not made by the Migrator have no list of migrations.
  const done = await inspector.readMigrations(migrations.migrationTableName, names);
  const all = Object.keys(await migrations.getMigrations());
  const pending = done === undefined ? [] : all.filter((name) => !done.includes(name));
  if (pending.length > 0) checks.push(found('migrations', `not run: ${pending.join(', ')}`, migrate));
  return checks.length > 0 ? checks : [ok('tables', 'all tables and columns exist')];
}

function checkIndexes(names: TableNames, tables: FoundTables): Check[] {
  if (tables.size < tableKeys.length) return [];
  const missing: string[] = [];
  for (const [key, { primaryKey, indexes }] of tables) {
    const table = tableName(names, key);
    const expectedKey = schema[key].key.toSorted().join(' ');
    if (primaryKey.join(' ') !== expectedKey) missing.push(`the primary key of ${table} (${expectedKey})`);
    missing.push(...schema[key].indexes.map((ending) => table + ending).filter((index) => !indexes.includes(index)));
  }
  if (missing.length === 0) return [ok('indexes', 'all indexes exist')];
  const fix = 'create them as printed by npx dragonpay-callback migrate up --print, without DATABASE_URL';
  return [found('indexes', `missing or not valid: ${missing.join(', ')}`, fix)];
}
