/** Stores callbacks in a database through Kysely: PostgreSQL, or one with a dialect. */
import type { Transaction } from 'kysely';
import type { StoredCallback as CallbackWithTransaction } from './model/callback.js';
import type { CallbackKind } from './protocol/kinds.js';
import type { Status } from './protocol/statuses.js';

export type { RepositoryDialect } from './repository/kysely/dialect.js';
export { KyselyRepository } from './repository/kysely/kysely-repository.js';
export {
  createMigrations,
  type DragonpayMigration,
  type DragonpayMigrations,
  type MigrationOptions,
} from './repository/kysely/migrations.js';
export {
  type NamedStatementsClient,
  type NamedStatementsPool,
  withNamedStatements,
} from './repository/kysely/postgres/named-statements.js';
export type { KyselyRepositoryOptions } from './repository/kysely/repository-options.js';
export type { TableNames } from './repository/kysely/table-names.js';
export type {
  CallbacksTable,
  DragonpayTables,
  PaymentsTable,
  PayoutsTable,
} from './repository/kysely/tables.js';

/**
 * The callback of an `@OnStatus` method. Its `trx` is a Kysely transaction over your `Database`.
 *
 * @example
 * \@OnStatus('S') async ship(callback: StoredCallback<'S', Database>) {
 *   await callback.trx.insertInto('shipments').values({ txnid: callback.data.txnid }).execute();
 * }
 */
export type StoredCallback<
  S extends Status = Status,
  Database = unknown,
  Kind extends CallbackKind = 'payment',
> = CallbackWithTransaction<S, Transaction<Database>, Kind>;
