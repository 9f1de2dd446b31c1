import type { Client } from 'pg';
import { createMigrations } from '../../repository/kysely/postgres/migrations.js';
import { schema } from '../../repository/kysely/schema.js';
import {
  quoteInSchema,
  quoteTables,
  type TableKey,
  type TableNames,
  tableName,
} from '../../repository/kysely/table-names.js';
import { withPeer } from '../options.js';
import { errorText } from '../report.js';
import { type Check, checkClock, found, ok } from './check.js';

const tableKeys = Object.keys(schema) as TableKey[];
const oldestVersion = 150_000;
const migrate = 'run npx dragonpay-callback migrate up';

/** Examines the database of a handler in a read-only transaction. Rejects only if pg is not installed. */
export async function examineDatabase(connectionString: string, names: TableNames): Promise<Check[]> {
  const { default: pg } = await withPeer(import('pg'));
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000, statement_timeout: 10_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('begin transaction read only');
    const tables = await readTables(client, names);
    return [
      ...(await checkServer(client)),
      ...(await checkTables(client, names, tables)),
      ...checkIndexes(names, tables),
    ];
  } catch (error) {
    const fix = 'check the address, the user, and whether this machine may connect';
    return [found('database', `the database fails: ${errorText(error)}`, fix)];
  } finally {
    await client.end().catch(() => {});
  }
}

async function checkServer(client: Client): Promise<Check[]> {
  const { rows } = await client.query(
    `select current_setting('server_version_num')::int as version, pg_is_in_recovery() as standby,
      current_setting('default_transaction_read_only') as read_only, clock_timestamp() as now,
      (select setting from pg_settings where name = 'default_transaction_isolation') as isolation,
      current_setting('synchronous_commit') as durability`,
  );
  const { version, standby, read_only: readOnly, now, isolation, durability } = rows[0];
  const checks = [checkClock('the database', now.getTime(), 1000)];
  if (version < oldestVersion) {
    checks.push(
      found('version', `the server is PostgreSQL ${Math.floor(version / 10_000)}`, 'use PostgreSQL 15 or later'),
    );
  }
  if (standby || readOnly === 'on') {
    checks.push(
      found('writable', 'the database is read-only', 'use the address of the primary server, and a user who may write'),
    );
  }
  if (isolation !== 'read committed') {
    const fix = 'set default_transaction_isolation to read committed for this user';
    checks.push(found('isolation', `transactions are ${isolation}`, fix));
  }
  if (durability === 'off') {
    const fix = 'set synchronous_commit to on for this user: a crash of the server could lose callbacks answered 200';
    checks.push(found('durability', 'synchronous_commit is off', fix));
  }
  return checks;
}

interface FoundTable {
  readonly columns: readonly string[];
  readonly primaryKey: string;
  /** The valid indexes. */
  readonly indexes: readonly string[];
  readonly mayWrite: boolean;
}

type FoundTables = ReadonlyMap<TableKey, FoundTable>;

async function readTables(client: Client, names: TableNames): Promise<FoundTables> {
  const quoted = quoteTables(names);
  const tables = new Map<TableKey, FoundTable>();
  for (const key of tableKeys) {
    const { rows } = await client.query(
      `select array(select attname::text from pg_attribute where attrelid = t.oid and attnum > 0 and not attisdropped)
          as columns,
        array(select attname::text from pg_index join pg_attribute on attrelid = t.oid and attnum = any(indkey)
          where indrelid = t.oid and indisprimary order by 1) as key,
        array(select relname::text from pg_index join pg_class on pg_class.oid = indexrelid
          where indrelid = t.oid and indisvalid) as indexes,
        has_table_privilege(t.oid, 'select') and has_table_privilege(t.oid, 'insert')
          and has_table_privilege(t.oid, 'update') as may_write
      from (select to_regclass($1)::oid as oid) as t where t.oid is not null`,
      [quoted[key]],
    );
    if (rows.length === 0) continue;
    const { columns, key: primaryKey, indexes, may_write: mayWrite } = rows[0];
    tables.set(key, { columns, primaryKey: primaryKey.join(' '), indexes, mayWrite });
  }
  return tables;
}

async function checkTables(client: Client, names: TableNames, tables: FoundTables): Promise<Check[]> {
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
  const pending = await pendingMigrations(client, names);
  if (pending.length > 0) checks.push(found('migrations', `not run: ${pending.join(', ')}`, migrate));
  return checks.length > 0 ? checks : [ok('tables', 'all tables and columns exist')];
}

/** The migrations that were not run; none if the tables were not created by the Migrator. */
async function pendingMigrations(client: Client, names: TableNames): Promise<string[]> {
  const migrations = createMigrations(names);
  const table = quoteInSchema(names, migrations.migrationTableName);
  const { rows } = await client.query('select to_regclass($1) is not null as exists', [table]);
  if (!rows[0].exists) return [];
  const executed = await client.query(`select name from ${table}`);
  const done = new Set(executed.rows.map(({ name }) => name));
  return Object.keys(await migrations.getMigrations()).filter((name) => !done.has(name));
}

function checkIndexes(names: TableNames, tables: FoundTables): Check[] {
  if (tables.size < tableKeys.length) return [];
  const missing: string[] = [];
  for (const [key, { primaryKey, indexes }] of tables) {
    const table = tableName(names, key);
    const expectedKey = schema[key].key.toSorted().join(' ');
    if (primaryKey !== expectedKey) missing.push(`the primary key of ${table} (${expectedKey})`);
    missing.push(...schema[key].indexes.map((ending) => table + ending).filter((index) => !indexes.includes(index)));
  }
  if (missing.length === 0) return [ok('indexes', 'all indexes exist')];
  const fix = 'create them as printed by npx dragonpay-callback migrate up --print, without DATABASE_URL';
  return [found('indexes', `missing or not valid: ${missing.join(', ')}`, fix)];
}
