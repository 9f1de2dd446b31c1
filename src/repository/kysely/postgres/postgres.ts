import type { RepositoryDialect } from '../dialect.js';
import { hasCause } from '../has-cause.js';
import { runSql, type SqlRunner } from '../run-sql.js';
import { quoteTables } from '../table-names.js';
import { migrationSteps } from './migrations.js';
import { isRaisedInFunction, isUnknownName } from './named-statements.js';
import { claimStatements } from './statements/claims.js';
import { correctionStatements } from './statements/correction.js';
import { inboxStatements } from './statements/inbox.js';
import { rowStatements } from './statements/rows.js';
import { storeStatements } from './statements/store-callback.js';
import { beginOwnTransaction } from './transaction.js';

/** PostgreSQL 15 and later. */
export const postgres: RepositoryDialect = {
  spelling: '"name" = $1',
  statements(names) {
    const tables = quoteTables(names);
    return {
      ...storeStatements(tables),
      ...rowStatements(tables),
      ...inboxStatements(tables),
      ...claimStatements(tables),
      ...correctionStatements(tables),
    };
  },
  migrations: migrationSteps,
  beginOwnTransaction,
  isTransient,
  // The second code is that of `lock_timeout`.
  isLockTimeout: (error) => ['57014', '55P03'].includes(codeOf(error)),
  isMissingTable: (error) => ['42P01', '42703', '3F000'].includes(codeOf(error)) && !isRaisedInFunction(error),
  endLockWaits,
  wasRefused,
};

/**
 * Ends statements that wait for a lock. An insert may be part of your own transaction, so it may wait for another row
 * with the same id. It must not wait for a table.
 */
async function endLockWaits(db: SqlRunner, milliseconds: number): Promise<void> {
  const statement = `/* dragonpay-end-waits */ select pg_cancel_backend(pid) from pg_stat_activity
where datname = current_database() and usename = current_user and state = 'active' and query like '/* dragonpay-%'
  and wait_event_type = 'Lock' and (wait_event = 'relation' or query not like '/* dragonpay-%-insert */%')
  and query_start <= clock_timestamp() - $1::bigint * interval '1 millisecond'`;
  await runSql(db, statement, [String(milliseconds)]);
}

/**
 * Serialization failures and deadlocks, also in a query of the handler: SQLSTATE class 40. After 40003 the transaction
 * may have been committed, so it is excluded. Also the error of a pooler that does not know the name of a statement:
 * the next try uses no names, see `withNamedStatements`.
 */
function isTransient(error: unknown): boolean {
  return hasCause(error, (inner) => /^(?:40(?!003)[0-9A-Z]{3}|53300)$/.test(codeOf(inner)) || isUnknownName(inner));
}

/** A connection that died, or a server that went down, may have committed the statement: SQLSTATE 08, 57, 58 and XX. */
function wasRefused(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && /^(?!08|57|58|XX|40003)./.test(codeOf(error));
}

/** The SQLSTATE of an error of node-postgres. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
