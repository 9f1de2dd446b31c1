import { Kysely, PostgresDialect } from 'kysely';
import type { Client } from 'pg';
import { postgres } from '../../repository/kysely/postgres/postgres.js';
import { schema } from '../../repository/kysely/schema.js';
import { quoteInSchema, quoteTables, type TableKey, type TableNames } from '../../repository/kysely/table-names.js';
import { type Check, checkClock, found } from '../doctor/check.js';
import { withPeer } from '../options.js';
import type { CliDatabase, FoundTable, FoundTables } from './database.js';

const oldestVersion = 150_000;

/** PostgreSQL, by node-postgres. */
export const postgresDatabase: CliDatabase = {
  dialect: postgres,

  async open(connectionString, max) {
    const { default: pg } = await withPeer(import('pg'));
    const pool = new pg.Pool({ connectionString, max, connectionTimeoutMillis: 10_000 });
    pool.on('error', () => {});
    return new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  },

  async inspect(connectionString) {
    const { default: pg } = await withPeer(import('pg'));
    const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000, statement_timeout: 10_000 });
    client.on('error', () => {});
    const close = () => client.end();
    try {
      await client.connect();
      await client.query('begin transaction read only');
    } catch (error) {
      await close().catch(() => {});
      throw error;
    }
    return {
      checkServer: () => checkServer(client),
      readTables: (names) => readTables(client, names),
      readMigrations: (table, names) => readMigrations(client, quoteInSchema(names, table)),
      close,
    };
  },
};

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

async function readTables(client: Client, names: TableNames): Promise<FoundTables> {
  const quoted = quoteTables(names);
  const tables = new Map<TableKey, FoundTable>();
  for (const key of Object.keys(schema) as TableKey[]) {
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
    tables.set(key, { columns, primaryKey, indexes, mayWrite });
  }
  return tables;
}

async function readMigrations(client: Client, table: string): Promise<readonly string[] | undefined> {
  const { rows } = await client.query('select to_regclass($1) is not null as exists', [table]);
  if (!rows[0].exists) return undefined;
  const executed = await client.query<{ name: string }>(`select name from ${table}`);
  return executed.rows.map(({ name }) => name);
}
