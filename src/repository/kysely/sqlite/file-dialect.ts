import { AsyncLocalStorage } from 'node:async_hooks';
import {
  CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryCompiler,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { DragonpayError, invalidSetting } from '../../../errors.js';
import { checkNames } from '../../../protocol/nearest-name.js';
import type { AnyKysely } from '../any-kysely.js';
import { busyError, isBusy } from './errors.js';

/** The part of a prepared statement that is used here. */
export interface SqliteFileStatement {
  // biome-ignore lint/suspicious/noExplicitAny: the drivers' own signatures take and give any
  all(...parameters: any[]): any[];
  // biome-ignore lint/suspicious/noExplicitAny: the drivers' own signatures take and give any
  run(...parameters: any[]): any;
  /** Whether it returns rows. node:sqlite has `columns` instead. */
  readonly reader?: boolean;
  columns?(): readonly unknown[];
}

/** The part of an open file that is used here: of `libsql`, `better-sqlite3` and `node:sqlite`. */
export interface SqliteFileHandle {
  prepare(sql: string): SqliteFileStatement;
  close(): unknown;
}

/** Options of a {@link SqliteFileDialect}. */
export interface SqliteFileOptions {
  /** Opens the file. It is called for each handle, at least twice, and must open the same file. */
  readonly open: () => SqliteFileHandle;
  /**
   * How long a write waits for other transactions, of this process and of others, in milliseconds, 0 to 600,000.
   * Default: 5,000. After that it fails with SQLITE_BUSY.
   */
  readonly busyMilliseconds?: number;
}

/**
 * A dialect of Kysely for one SQLite file. It opens the file twice: transactions and writes use one handle, one after the
 * other, and queries outside of them read through the other one. A handler can therefore read past its transaction, and
 * nobody waits for a handler in order to read.
 *
 * - A transaction begins with `begin immediate`: SQLite could refuse its first write if it began with a read.
 * - Waiting for other processes does not block the event loop, as `busy_timeout` would.
 * - A commit is durable: `journal_mode = WAL` and `synchronous = EXTRA`.
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

/** Its methods for the lock have no parameters, so that they also fit a required Kysely: see {@link AnyKysely}. */
class FileAdapter extends SqliteAdapter {
  override async acquireMigrationLock(): Promise<void> {}

  override async releaseMigrationLock(): Promise<void> {}

  /** The Migrator uses a transaction, which keeps other processes away until it is done. */
  override get supportsTransactionalDdl(): boolean {
    return true;
  }

  /** Without it, Kysely 0.29 lends one connection at a time: a read past a transaction would wait for its end. */
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

/** A file with its two handles, and the queue of those that write. */
class SqliteFile {
  readonly #busyMilliseconds: number;
  /** For transactions, one at a time. */
  readonly writer: FileHandle;
  /** For queries outside of transactions. */
  readonly reader: FileHandle;
  #isLocked = false;
  readonly #waiting: (() => void)[] = [];

  constructor({ open, busyMilliseconds = 5_000 }: SqliteFileOptions) {
    this.#busyMilliseconds = busyMilliseconds;
    this.writer = new FileHandle(open);
    this.reader = new FileHandle(open);
  }

  /** The journal mode stays in the file. To change it, all other connections must pause. */
  async setUp(): Promise<void> {
    await untilFree(performance.now() + this.#busyMilliseconds, () => {
      try {
        this.writer.execute('pragma journal_mode = wal', []);
      } catch (error) {
        this.writer.discard();
        throw error;
      }
    });
  }

  /** Begins a transaction on the writer: first in the order of this process, then against other processes. */
  async begin(): Promise<void> {
    const giveUpAt = performance.now() + this.#busyMilliseconds;
    await this.#enter(giveUpAt);
    try {
      await untilFree(giveUpAt, () => this.writer.execute('begin immediate', []));
    } catch (error) {
      this.leave();
      throw error;
    }
  }

  async #enter(giveUpAt: number): Promise<void> {
    if (!this.#isLocked) {
      this.#isLocked = true;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const enter = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(busyError());
      }, giveUpAt - performance.now());
      this.#waiting.push(enter);
    });
  }

  /** Lets the next one in. */
  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#isLocked = false;
    else next();
  }

  /** Moves what was committed into the file itself, so that a copy of the closed file is whole. */
  close(): void {
    this.reader.discard();
    if (!this.writer.isOpen) return;
    try {
      this.writer.execute('pragma wal_checkpoint(truncate)', []);
    } catch {
      // Another process does it later.
    } finally {
      this.writer.discard();
    }
  }
}

/** Tries until no other process has the write lock, with pauses that grow and are random. */
async function untilFree<Result>(giveUpAt: number, run: () => Result): Promise<Result> {
  for (let longest = 1; ; longest = Math.min(2 * longest, longestPause)) {
    try {
      return run();
    } catch (error) {
      if (!isBusy(error) || performance.now() >= giveUpAt) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, Math.random() * longest));
  }
}

/** In milliseconds. A pause is short, since SQLite keeps no order of those that wait. */
const longestPause = 20;

/** One handle, opened when it is needed, with the prepared statements of this package. */
class FileHandle {
  readonly #open: () => SqliteFileHandle;
  readonly #prepared = new Map<string, SqliteFileStatement>();
  #handle: SqliteFileHandle | undefined;

  constructor(open: () => SqliteFileHandle) {
    this.#open = open;
  }

  get isOpen(): boolean {
    return this.#handle !== undefined;
  }

  execute<Row>(sql: string, parameters: readonly unknown[]): QueryResult<Row> {
    const statement = this.#prepare(sql);
    const values = parameters.map(toSqlite);
    // node:sqlite takes the parameters one by one, the others also as an array.
    const returnsRows = statement.reader ?? (statement.columns?.().length ?? 1) > 0;
    if (returnsRows) return { rows: statement.reader === undefined ? statement.all(...values) : statement.all(values) };
    const { changes, lastInsertRowid } =
      statement.reader === undefined ? statement.run(...values) : statement.run(values);
    return { rows: [], numAffectedRows: BigInt(changes ?? 0), insertId: BigInt(lastInsertRowid ?? 0) };
  }

  #prepare(sql: string): SqliteFileStatement {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    if (this.#handle === undefined) {
      this.#handle = openAnew(this.#open);
      this.execute('pragma busy_timeout = 0', []);
      this.execute(durable, []);
    }
    const statement = this.#handle.prepare(sql);
    if (isKept.test(sql)) this.#prepared.set(sql, statement);
    return statement;
  }

  /** Closes the handle. The next statement opens another one. */
  discard(): void {
    this.#prepared.clear();
    this.#handle?.close();
    this.#handle = undefined;
  }
}

const opened = new WeakSet<object>();

/**
 * @throws DragonpayError `invalid-setting` for what is no handle, such as a path, and for a handle that is in use: two
 *   transactions would be one
 */
function openAnew(open: () => SqliteFileHandle): SqliteFileHandle {
  const handle = open();
  if (typeof handle?.prepare !== 'function' || typeof handle.close !== 'function') {
    throw invalidSetting('open', 'must return an open database, as in: open: () => new Database(path)');
  }
  if (opened.has(handle)) throw invalidSetting('open', 'must open the file anew each time');
  opened.add(handle);
  return handle;
}

/**
 * Statements that are prepared once. For BEGIN and COMMIT it is more than speed: in libsql a statement that met a lock
 * stays unfinished until it runs again, and no transaction of its handle can commit before.
 */
const isKept = /^(?:\/\* dragonpay-[a-z-]+ \*\/|(?:begin immediate|commit|rollback)$)/;

/** SQLite has no booleans. A process in which libsql gets one ends. */
function toSqlite(value: unknown): unknown {
  return typeof value === 'boolean' ? Number(value) : value;
}

/**
 * A connection without a handle of its own. Inside a transaction it uses the writer, which it then holds; outside it
 * reads through the reader, and writes in a transaction for each statement.
 */
class FileConnection implements DatabaseConnection {
  readonly file: SqliteFile;
  #holds = false;
  #hasFailed = false;

  constructor(file: SqliteFile) {
    this.file = file;
  }

  get holds(): boolean {
    return this.#holds;
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const [, word = ''] = firstWord.exec(sql) ?? [];
    const command = word.toLowerCase();
    if (this.#holds) return this.#execute<Row>(sql, parameters, command);
    if (command === 'begin') {
      await this.#begin();
      return { rows: [] };
    }
    if (reads.has(command) || (command === 'with' && !writes.test(sql))) return this.#read<Row>(sql, parameters);
    await this.#begin();
    try {
      const result = this.#execute<Row>(sql, parameters, command);
      this.#execute('commit', [], 'commit');
      return result;
    } finally {
      this.release();
    }
  }

  /** Reads everything at once: a query that is under way would keep the handle from other work. */
  async *streamQuery<Row>(query: CompiledQuery): AsyncIterableIterator<QueryResult<Row>> {
    const { rows } = await this.executeQuery<Row>(query);
    for (const row of rows) yield { rows: [row] };
  }

  /** Rolls back a transaction that nobody ended. */
  release(): void {
    if (!this.#holds) return;
    try {
      this.#execute('rollback', [], 'rollback');
    } catch {
      // SQLite has rolled back at an error.
    } finally {
      this.#end();
    }
  }

  async #begin(): Promise<void> {
    const holder = held.getStore();
    if (holder?.holds && holder.file === this.file) {
      throw new DragonpayError(
        'pool-exhausted',
        'the method holds the write lock of the file: use callback.trx for all its writes',
      );
    }
    await this.file.begin();
    this.#holds = true;
  }

  #execute<Row>(sql: string, parameters: readonly unknown[], command: string): QueryResult<Row> {
    try {
      const result = this.file.writer.execute<Row>(sql, parameters);
      if (command === 'commit' || command === 'end') this.#end();
      if (command === 'rollback' && !returnsToSavepoint.test(sql)) this.#end();
      return result;
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    }
  }

  #read<Row>(sql: string, parameters: readonly unknown[]): QueryResult<Row> {
    try {
      return this.file.reader.execute<Row>(sql, parameters);
    } catch (error) {
      this.file.reader.discard();
      throw error;
    }
  }

  /** A handle on which a statement failed is replaced: libsql may keep the statement unfinished. */
  #end(): void {
    this.#holds = false;
    if (this.#hasFailed) this.file.writer.discard();
    this.#hasFailed = false;
    this.file.leave();
  }
}

/** The first word of a statement, behind comments. */
const firstWord = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*([a-z]+)/i;
const reads: ReadonlySet<string> = new Set(['select', 'values', 'explain', 'pragma']);
const writes = /\b(?:insert|update|delete|replace)\b/i;
const returnsToSavepoint = /\bto\b/i;

/** The connection that the current handler holds. */
const held = new AsyncLocalStorage<FileConnection>();

/** Runs a handler that holds a connection: a write past its transaction then fails at once, as it would wait for itself. */
export function whileHolding<Result>(connection: DatabaseConnection, run: () => Result): Result {
  return connection instanceof FileConnection ? held.run(connection, run) : run();
}

/**
 * Makes the next commit of a handle that another dialect opened durable, outside of a transaction. Other code may have
 * set less on it: without a journal in the file, SQLite cannot even roll back.
 */
export async function makeDurable(connection: DatabaseConnection): Promise<void> {
  if (connection instanceof FileConnection) return;
  await connection.executeQuery(CompiledQuery.raw(durable));
  const { rows } = await connection.executeQuery<JournalMode>(CompiledQuery.raw('pragma journal_mode'));
  const mode = rows[0]?.journal_mode;
  // A database in memory stays in memory.
  if (mode === 'off' || mode === 'memory') {
    await connection.executeQuery(CompiledQuery.raw('pragma journal_mode = delete'));
  }
}

interface JournalMode {
  readonly journal_mode: string;
}

/** FULL would do with WAL. Without WAL, EXTRA also flushes the folder, in which a commit deletes the journal. */
const durable = 'pragma synchronous = extra';
