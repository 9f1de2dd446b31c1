import {
  CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { invalidSetting } from '../../../errors.js';
import { checkNames } from '../../../protocol/nearest-name.js';
import type { AnyKysely } from '../any-kysely.js';
import { SqliteFile, type SqliteFileOptions } from './file.js';
import { FileConnection } from './file-connection.js';

/**
 * A dialect of Kysely for one SQLite file. It opens the file twice: transactions and writes use one handle, one after
 * the other, and queries outside of them read through the other one. A handler can therefore read outside of its
 * transaction, and nobody waits for a handler in order to read.
 *
 * - A transaction begins with `begin immediate`: SQLite could refuse its first write if it began with a read.
 * - Waiting for other processes does not block the event loop, as `busy_timeout` would.
 * - A commit is durable: `journal_mode = WAL` and `synchronous = EXTRA`. It fails if the file was deleted or replaced.
 *
 * @example
 * const db = new Kysely<Database>({ dialect: new SqliteFileDialect({ open: () => new Database('shop.db') }) });
 */
export class SqliteFileDialect implements Dialect {
  readonly #options: SqliteFileOptions;

  /** @throws DragonpayError `invalid-setting` that names the option */
  constructor(options: SqliteFileOptions) {
    if (typeof options?.open !== 'function') throw invalidSetting('open', 'must be a function that opens the file');
    checkNames(options, { open: true, busyMilliseconds: true });
    const { busyMilliseconds: most = 0 } = options;
    if (!(Number.isInteger(most) && most >= 0 && most <= 600_000)) {
      throw invalidSetting('busyMilliseconds', 'must be an integer from 0 to 600,000');
    }
    this.#options = options;
  }

  createAdapter(): FileAdapter {
    return new FileAdapter();
  }

  createDriver(): Driver {
    return new FileDriver(new SqliteFile(this.#options));
  }

  // biome-ignore lint/suspicious/noExplicitAny: Kysely's own signature
  createIntrospector(db: AnyKysely<any>): DatabaseIntrospector {
    return new SqliteIntrospector(db as Kysely<unknown>);
  }

  createQueryCompiler(): QueryCompiler {
    return new SqliteQueryCompiler();
  }
}

/**
 * The methods for the lock have no parameters. With parameters, they would not fit a required Kysely: see {@link
 * AnyKysely}.
 */
class FileAdapter extends SqliteAdapter {
  override async acquireMigrationLock(): Promise<void> {}

  override async releaseMigrationLock(): Promise<void> {}

  /** The Migrator uses a transaction, which keeps other processes away until it is done. */
  override get supportsTransactionalDdl(): boolean {
    return true;
  }

  /**
   * If this were false, Kysely 0.29 would lend one connection at a time: a read outside of a transaction would wait for
   * its end.
   */
  get supportsMultipleConnections(): boolean {
    return true;
  }
}

class FileDriver implements Driver {
  readonly #file: SqliteFile;

  constructor(file: SqliteFile) {
    this.#file = file;
  }

  async init(): Promise<void> {
    await this.#file.setUp();
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    return new FileConnection(this.#file);
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback'));
  }

  async savepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`savepoint ${quoteSavepoint(name)}`));
  }

  async rollbackToSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`rollback to ${quoteSavepoint(name)}`));
  }

  async releaseSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`release ${quoteSavepoint(name)}`));
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    (connection as FileConnection).release();
  }

  async destroy(): Promise<void> {
    this.#file.close();
  }
}

function quoteSavepoint(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
