import { DragonpayError } from '../../../errors.js';
import type { RepositoryDialect } from '../dialect.js';
import { quoteTables } from '../table-names.js';
import { isBusy, resultCode } from './errors.js';
import { assertNoSchema, migrationSteps } from './migrations.js';
import { claimStatements } from './statements/claims.js';
import { correctionStatements } from './statements/correction.js';
import { inboxStatements } from './statements/inbox.js';
import { rowStatements } from './statements/rows.js';
import { storeStatements } from './statements/store-callback.js';
import { beginOwnTransaction } from './transaction.js';

/**
 * SQLite 3.42 and later, for a `KyselyRepository` over a file that `SqliteFileDialect` opens.
 *
 * @example
 * const repository = new KyselyRepository(db, { dialect: sqliteDialect });
 */
export const sqliteDialect: RepositoryDialect = {
  spelling: '"name" = ?',
  statements(names) {
    assertNoSchema(names);
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
  isTransient: isBusy,
  isLockTimeout: isBusy,
  isMissingTable: (error) =>
    resultCode(error) === 1 && /no such (?:table|column)|has no column/.test((error as Error).message),
  // SQLITE_ERROR, SQLITE_TOOBIG, SQLITE_CONSTRAINT and SQLITE_MISMATCH: SQLite undid the statement, and the transaction
  // is then rolled back.
  wasRefused: (error) =>
    [1, 18, 19, 20].includes(resultCode(error)) || (DragonpayError.is(error) && error.code === 'row-protected'),
  // SQLite has one writer at a time.
  mostEffects: 1,
  blocks: true,
};
