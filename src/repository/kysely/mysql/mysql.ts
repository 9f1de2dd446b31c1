import { DragonpayError } from '../../../errors.js';
import type { RepositoryDialect } from '../dialect.js';
import { hasCause } from '../has-cause.js';
import { runSql, type SqlRunner } from '../run-sql.js';
import { quoteTables } from '../table-names.js';
import { assertNoQuestionMark, migrationSteps } from './migrations.js';
import { quoteName } from './quote-name.js';
import { claimStatements } from './statements/claims.js';
import { correctionStatements } from './statements/correction.js';
import { inboxStatements } from './statements/inbox.js';
import { rowStatements } from './statements/rows.js';
import { storeStatements } from './statements/store-callback.js';
import { beginOwnTransaction } from './transaction.js';

/** MariaDB 10.6 and later, and MySQL 8.0.17 and later, through Kysely's `MysqlDialect` over mysql2. */
export const mysqlDialect: RepositoryDialect = {
  spelling: '`name` = ?',
  statements(names) {
    assertNoQuestionMark(names);
    const tables = quoteTables(names, quoteName);
    return {
      ...storeStatements(tables),
      ...rowStatements(tables),
      ...inboxStatements(tables),
      ...claimStatements(tables, names),
      ...correctionStatements(tables),
    };
  },
  migrations: migrationSteps,
  beginOwnTransaction,
  isTransient,
  isLockTimeout: (error) => lockTimeouts.has(numberOf(error)),
  isMissingTable: (error) => [noSuchTable, noSuchColumn].includes(numberOf(error) ?? 0),
  endLockWaits,
  wasRefused,
};

const noSuchTable = 1146;
const noSuchColumn = 1054;
const deadlock = 1213;
/**
 * `innodb_snapshot_isolation`: another transaction has changed a row since this one first read. This one was rolled
 * back.
 */
const recordChanged = 1020;
/** The server, or its limit for this user, refused a connection. */
const tooManyConnections: readonly number[] = [1040, 1203, 1226];
/** `innodb_lock_wait_timeout`, KILL QUERY, and `max_statement_time` of MariaDB. */
const lockTimeouts: ReadonlySet<number | undefined> = new Set([1205, 1317, 1969]);
const errorDuringCommit = 1180;

/** Recording events takes less than this, in milliseconds. A statement that takes longer is waiting for a lock. */
const longestRecording = 1_000;

/**
 * Ends statements that wait for the lock of a table, or for a lock of the whole server, as a backup takes it. Waits for
 * rows cannot be seen without more privileges. Recording events is quick, so a slow statement that records them is
 * taken to be waiting for a row. MariaDB gives each statement an id, so KILL never hits the next one.
 */
async function endLockWaits(db: SqlRunner, milliseconds: number): Promise<void> {
  const statement = `/* dragonpay-waits */ select cast(id as char) as thread,
  /*M! cast(query_id as char) */ /*!80000 null */ as query
from information_schema.processlist
where db = database() and command = 'Query' and info like '/* dragonpay-%' and id <> connection_id() and (
  (state like 'Waiting for table%' or state like 'Waiting for % lock') and /*M! time_ms */ /*!80000 1000 * time */ >= ?
  or info like '/* dragonpay-record %' and /*M! time_ms */ /*!80000 1000 * time */ >= ?
)`;
  const parameters = [milliseconds, Math.max(milliseconds, longestRecording)];
  const waiting = await runSql<{ thread: string; query: string | null }>(db, statement, parameters);
  for (const { thread, query } of waiting) {
    const what = query === null ? Number(thread) : `id ${Number(query)}`;
    // The statement may have ended by itself.
    await runSql(db, `kill query ${what}`, []).catch(() => {});
  }
}

const transient: ReadonlySet<number | undefined> = new Set([deadlock, recordChanged, ...tooManyConnections]);

/** Deadlocks, serialization failures and refused connections, also in a query of the handler. */
function isTransient(error: unknown): boolean {
  return hasCause(error, (inner) => transient.has(numberOf(inner)));
}

/**
 * Whether the server reports that it stored nothing. Errors of the server have an SQLSTATE, and errors of the
 * connection have none. If the server was going down, or COMMIT was interrupted, the callback may be stored.
 */
function wasRefused(error: unknown): boolean {
  if (DragonpayError.is(error)) return error.code === 'row-protected';
  if (!(error instanceof Error) || !('sqlState' in error) || typeof error.sqlState !== 'string') return false;
  return !/^(?:08|70|XA)/.test(error.sqlState) && numberOf(error) !== errorDuringCommit;
}

/** The number of an error of the server. In mysql2, some errors have no `code`. */
function numberOf(error: unknown): number | undefined {
  return error instanceof Error && 'errno' in error && typeof error.errno === 'number' ? error.errno : undefined;
}
