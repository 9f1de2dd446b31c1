import { type Kysely, sql } from 'kysely';
import { invalidSetting } from '../../errors.js';
import type { VerifiedCallback } from '../../model/verified-callback.js';
import { checkNames, type NamesOf } from '../../protocol/nearest-name.js';
import { checkTableNames } from './check-table-names.js';
import { dialectNames, type RepositoryDialect } from './dialect.js';
import type { TableNames } from './table-names.js';

/** Options of a `KyselyRepository`. */
export interface KyselyRepositoryOptions extends TableNames {
  /** The database. Default: PostgreSQL. */
  readonly dialect?: RepositoryDialect;
  /**
   * How long a callback waits for another transaction that has its row locked, in milliseconds, 0 to 600,000. Default:
   * 5,000. It holds no connection while it waits.
   */
  readonly busyMilliseconds?: number;
  /**
   * How many callbacks that arrive at the same time may share a statement, 1 to 1,000. Default: 64. A shared statement
   * runs in no async context; with 1, each runs in the async context (`AsyncLocalStorage`) of its callback.
   */
  readonly batch?: number;
  /**
   * Says which callbacks may share a statement: those with the same key, such as the tenant. Called in the async context
   * of the callback; the statement runs in the async context of one of them.
   */
  readonly batchKey?: (callback: VerifiedCallback) => unknown;
  /**
   * How many `@OnStatus` methods may run at the same time, each in its own transaction and connection, 1 to 1,000.
   * Default: up to 8, and fewer than the pool has connections, so that a method may take a second one for its own `db`.
   * A number that you set is not adapted to the pool. It must be below the size of the pool, unless methods use only
   * `callback.trx`.
   */
  readonly effects?: number;
}

/** Lists every option. The compiler asks for each new one, so that no option is refused as unknown. */
const knownOptions: NamesOf<KyselyRepositoryOptions> = {
  schema: true,
  transactions: true,
  payouts: true,
  callbacks: true,
  dialect: true,
  busyMilliseconds: true,
  batch: true,
  batchKey: true,
  effects: true,
};

/** @throws DragonpayError `invalid-setting` that names the option */
export function checkOptions(options: KyselyRepositoryOptions): void {
  checkNames(options, knownOptions);
  checkTableNames(options);
  checkInteger('batch', options.batch, 1, 1_000);
  checkInteger('busyMilliseconds', options.busyMilliseconds, 0, 600_000);
  checkInteger('effects', options.effects, 1, 1_000);
  if (options.batchKey !== undefined && typeof options.batchKey !== 'function') {
    throw invalidSetting('batchKey', 'must be a function');
  }
}

/** Refuses a dialect of another database at start. Its SQL would fail for each callback. */
export function checkDialect<Database>(db: Kysely<Database>, dialect: RepositoryDialect): void {
  if (typeof db?.getExecutor !== 'function') throw invalidSetting('db', 'must be a Kysely');
  const written = sql`${sql.id('name')} = ${1}`.compile(db).sql;
  if (dialect?.spelling === written) return;
  throw invalidSetting('dialect', `must be for the database of the Kysely: ${dialectNames}`);
}

function checkInteger(name: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return;
  throw invalidSetting(name, `must be an integer from ${least} to ${most.toLocaleString('en')}`);
}
