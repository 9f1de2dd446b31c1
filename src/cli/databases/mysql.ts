import { Kysely, MysqlDialect } from 'kysely';
import type { Connection } from 'mysql2/promise';
import { mysqlDialect } from '../../repository/kysely/mysql/mysql.js';
import { quoteName } from '../../repository/kysely/mysql/quote-name.js';
import { schema } from '../../repository/kysely/schema.js';
import {
  quoteInSchema,
  quoteTables,
  type TableKey,
  type TableNames,
  tableName,
} from '../../repository/kysely/table-names.js';
import { type Check, checkClock, found } from '../doctor/check.js';
import { withPeer } from '../options.js';
import type { CliDatabase, FoundTable, FoundTables } from './database.js';

/** MariaDB and MySQL, by mysql2. */
export const mysqlDatabase: CliDatabase = {
  dialect: mysqlDialect,

  async open(url, connectionLimit) {
    const { default: mysql } = await withPeer(import('mysql2'));
    const pool = mysql.createPool({ uri: url, connectionLimit, connectTimeout: 10_000 });
    pool.on('connection', (connection) => {
      connection.query('set session transaction isolation level read committed');
    });
    return new Kysely<unknown>({ dialect: new MysqlDialect({ pool }) });
  },

  async inspect(url) {
    const { default: mysql } = await withPeer(import('mysql2/promise'));
    const connection = await mysql.createConnection({ uri: url, connectTimeout: 10_000 });
    connection.on('error', () => {});
    await connection.query('start transaction read only');
    return {
      checkServer: () => checkServer(connection),
      readTables: (names) => readTables(connection, names),
      readMigrations: (table, names) => readMigrations(connection, table, names),
      close: () => connection.end(),
    };
  },
};

async function checkServer(connection: Connection): Promise<Check[]> {
  const [server = {}] = await rowsOf(
    connection,
    `select version() as version, @@global.read_only as readOnly, @@sql_mode as modes,
  timestampdiff(microsecond, timestamp'1970-01-01 00:00:00', utc_timestamp(6)) as now,
  @@autocommit as autocommit, @@completion_type as completion, @@sql_select_limit < 1000 as isLimited,
  @@innodb_flush_log_at_trx_commit as flush, @@log_bin as log, @@sync_binlog as sync,
  /*M! @@global.tx_isolation */ /*!80000 @@global.transaction_isolation */ as isolation`,
  );
  const version = String(server.version);
  const checks = [checkClock('the database', Number(server.now) / 1000, 1000)];
  if (!isNewEnough(version)) {
    const fix = 'use MariaDB 10.6 or later, or MySQL 8.0.17 or later';
    checks.push(found('version', `the server is ${version}`, fix));
  }
  if (Number(server.readOnly) !== 0) {
    checks.push(found('writable', 'the database is read-only', 'use the address of the primary server'));
  }
  if (server.isolation === 'SERIALIZABLE') {
    const fix = 'set transaction_isolation to READ-COMMITTED: every read would wait for the locks of others';
    checks.push(found('isolation', 'transactions are serializable', fix));
  }
  if (String(server.modes).includes('NO_BACKSLASH_ESCAPES')) {
    const fix = 'remove it from sql_mode: mysql2 escapes values with backslashes, so a value could be read as SQL';
    checks.push(found('escapes', 'sql_mode has NO_BACKSLASH_ESCAPES', fix));
  }
  checks.push(...checkSession(server));
  if (Number(server.flush) !== 1) {
    checks.push(found('durability', `innodb_flush_log_at_trx_commit is ${server.flush}`, `set it to 1: ${loss}`));
  } else if (Number(server.log) === 1 && Number(server.sync) !== 1) {
    checks.push(found('durability', `sync_binlog is ${server.sync}`, `set it to 1: ${loss}`));
  }
  return checks;
}

/** Settings of a session under which statements of this package fail, or silently do something else. */
function checkSession({ autocommit, completion, isLimited, modes }: Row): Check[] {
  const checks: Check[] = [];
  const unusable = String(modes)
    .split(',')
    .find((mode) => mode === 'ORACLE' || mode === 'EMPTY_STRING_IS_NULL');
  if (unusable !== undefined) {
    checks.push(found('session', `sql_mode has ${unusable}`, 'remove it from sql_mode: callbacks could not be stored'));
  }
  if (Number(autocommit) !== 1) {
    const fix = 'set it to 1: a payment that is created outside of a transaction would not be stored';
    checks.push(found('session', 'autocommit is off', fix));
  }
  if (completion !== 'NO_CHAIN') {
    const fix = 'set it to NO_CHAIN: what follows a COMMIT would not be stored';
    checks.push(found('session', `completion_type is ${completion}`, fix));
  }
  if (Number(isLimited) !== 0) {
    checks.push(found('session', 'sql_select_limit is set', 'set it to DEFAULT: rows that exist would not be found'));
  }
  return checks;
}

const loss = 'a crash of the server could lose callbacks answered 200';

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = (/\d+(?:\.\d+)*/.exec(version)?.[0] ?? '').split('.').map(Number);
  const number = (major * 1_000 + minor) * 1_000 + patch;
  return number >= (version.includes('MariaDB') ? 10_006_000 : 8_000_017);
}

async function readTables(connection: Connection, names: TableNames): Promise<FoundTables> {
  const tables = new Map<TableKey, FoundTable>();
  const quoted = quoteTables(names, quoteName);
  for (const key of Object.keys(schema) as TableKey[]) {
    const place = [names.schema ?? null, tableName(names, key)];
    const found = await rowsOf(
      connection,
      `select column_name as name from information_schema.columns where ${here}`,
      place,
    );
    if (found.length === 0) continue;
    const indexed = await rowsOf(
      connection,
      `select index_name as name, column_name as column_name from information_schema.statistics where ${here}`,
      place,
    );
    tables.set(key, {
      columns: found.map(({ name }) => String(name)),
      primaryKey: indexed
        .filter(({ name }) => name === 'PRIMARY')
        .map(({ column_name }) => String(column_name))
        .sort(),
      indexes: [...new Set(indexed.map(({ name }) => String(name)))],
      mayWrite: await mayWrite(connection, quoted[key]),
    });
  }
  return tables;
}

const here = 'table_schema = coalesce(?, database()) and table_name = ?';

/** Whether the user may write to a table. EXPLAIN requires the privileges of its statement and executes nothing. */
async function mayWrite(connection: Connection, table: string): Promise<boolean> {
  for (const statement of [
    `explain select * from ${table}`,
    `explain update ${table} set status = status`,
    `explain insert into ${table} select * from ${table}`,
  ]) {
    try {
      await connection.query(statement);
    } catch (error) {
      if (numberOf(error) === accessDenied || numberOf(error) === columnAccessDenied) return false;
    }
  }
  return true;
}

async function readMigrations(
  connection: Connection,
  table: string,
  names: TableNames,
): Promise<readonly string[] | undefined> {
  const executed = rowsOf(connection, `select name from ${quoteInSchema(names, table, quoteName)}`);
  try {
    return (await executed).map(({ name }) => String(name));
  } catch (error) {
    if (numberOf(error) === noSuchTable) return undefined;
    throw error;
  }
}

const accessDenied = 1142;
const columnAccessDenied = 1143;
const noSuchTable = 1146;

function numberOf(error: unknown): unknown {
  return error instanceof Error && 'errno' in error ? error.errno : undefined;
}

type Row = Readonly<Record<string, unknown>>;

async function rowsOf(connection: Connection, statement: string, parameters: unknown[] = []): Promise<Row[]> {
  const [rows] = await connection.query(statement, parameters);
  return rows as Row[];
}
