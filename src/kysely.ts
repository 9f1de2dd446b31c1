/** Stores callbacks in PostgreSQL through Kysely. */
import type { Transaction } from 'kysely';
import type { StoredCallback as CallbackWithTransaction } from './callback.js';
import type { CallbackKind, Status } from './preprocessing/transaction-status.js';

export { KyselyRepository, type KyselyRepositoryOptions } from './repository/kysely/kysely-repository.js';
export { createMigrations, type DragonpayMigration, type DragonpayMigrations } from './repository/kysely/migrations.js';
export {
  type NamedStatementsClient,
  type NamedStatementsPool,
  withNamedStatements,
} from './repository/kysely/named-statements.js';
export type {
  CallbacksTable,
  DragonpayTables,
  PayoutsTable,
  TableNames,
  TransactionsTable,
} from './repository/kysely/tables.js';

/**
 * What `@OnStatus` methods receive, with `trx` as Kysely's transaction over one's own `Database`.
 *
 * @example
 * \@OnStatus('S') async ship(callback: StoredCallback<Database, 'S'>) {
 *   await callback.trx.insertInto('shipments').values({ txnid: callback.data.txnid }).execute();
 * }
 */
export type StoredCallback<
  Database,
  S extends Status = Status,
  Kind extends CallbackKind = 'payment',
> = CallbackWithTransaction<S, Transaction<Database>, Kind>;
