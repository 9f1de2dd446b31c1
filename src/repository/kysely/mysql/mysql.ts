import type { RepositoryDialect } from '../dialect.js';
import { quoteTables } from '../table-names.js';
import { migrationSteps } from './migrations.js';
import { quoteName } from './quote-name.js';
import { claimStatements } from './statements/claims.js';
import { correctionStatements } from './statements/correction.js';
import { inboxStatements } from './statements/inbox.js';
import { rowStatements } from './statements/rows.js';
import { storeStatements } from './statements/store-callback.js';
import { beginOwnTransaction } from './transaction.js';

/** MariaDB 10.6 and later, and MySQL 8.0.17 and later, through Kysely's `MysqlDialect` over mysql2. */
export const mysqlDialect: RepositoryDialect = {
  statements(names) {
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
  isLockTimeout: (error) => numberOf(error) === lockWaitTimeout,
  wasRefused,
};

const deadlock = 1213;
/** `innodb_snapshot_isolation`: a row has changed since the transaction first read. The server has rolled back. */
const recordChanged = 1020;
const lockWaitTimeout = 1205;
const errorDuringCommit = 1180;

/** Deadlocks and serialization failures, also in a query of the handler. */
function isTransient(error: unknown): boolean {
  try {
    for (let depth = 0, inner = error; depth < deepestCause && inner instanceof Error; depth++, inner = inner.cause) {
      const number = numberOf(inner);
      if (number === deadlock || number === recordChanged) return true;
    }
  } catch {
    // A handler may throw a proxy, which may throw again.
  }
  return false;
}

/**
 * Errors of the server have an SQLSTATE, and those of the connection have none. A server that goes down, or a COMMIT that
 * was interrupted, may have stored it.
 */
function wasRefused(error: unknown): boolean {
  if (!(error instanceof Error) || !('sqlState' in error) || typeof error.sqlState !== 'string') return false;
  return !/^(?:08|70|XA)/.test(error.sqlState) && numberOf(error) !== errorDuringCommit;
}

/** A bound: an error of a handler may be its own cause. */
const deepestCause = 10;

/** The number of an error of the server. Some have no `code` in mysql2. */
function numberOf(error: unknown): number | undefined {
  return error instanceof Error && 'errno' in error && typeof error.errno === 'number' ? error.errno : undefined;
}
