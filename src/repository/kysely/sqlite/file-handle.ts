import { statSync } from 'node:fs';
import type { QueryResult } from 'kysely';
import { DragonpayError, invalidSetting } from '../../../errors.js';

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

/** One handle, opened when it is needed, with the prepared statements of this package. */
export class FileHandle {
  readonly #open: () => SqliteFileHandle;
  readonly #prepared = new Map<string, SqliteFileStatement>();
  #handle: SqliteFileHandle | undefined;
  /** The path of the file when it was opened, and its identity. A database in memory has no path. */
  #place: { readonly path: string; readonly identity: string } | undefined;

  constructor(open: () => SqliteFileHandle) {
    this.#open = open;
  }

  get isOpen(): boolean {
    return this.#handle !== undefined;
  }

  execute<Row>(sql: string, parameters: readonly unknown[]): QueryResult<Row> {
    const statement = this.#prepare(sql);
    const values = parameters.map(toSqlite);
    // node:sqlite takes the parameters one by one. The other drivers also take an array.
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
      const [main] = this.execute<{ file: string | null }>('pragma database_list', []).rows;
      this.#place = main?.file ? { path: main.file, identity: identityOf(main.file) } : undefined;
    }
    const statement = this.#handle.prepare(sql);
    if (isKept.test(sql)) this.#prepared.set(sql, statement);
    return statement;
  }

  /**
   * Checks that the file was not deleted or replaced. SQLite would go on in the old file, and its commits would be
   * lost.
   * @throws DragonpayError `unstored`
   */
  assertInPlace(): void {
    if (this.#place === undefined || this.#place.identity === identityOf(this.#place.path)) return;
    throw new DragonpayError('unstored', 'the file of the database was deleted, moved or replaced while it was open');
  }

  /** Closes the handle. The next statement opens another one. */
  discard(): void {
    this.#prepared.clear();
    this.#handle?.close();
    this.#handle = undefined;
  }
}

/** Returns a text that differs between two files that were at the same path. */
function identityOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true });
  return found === undefined ? 'missing' : `${found.dev} ${found.ino}`;
}

const opened = new WeakSet<object>();

/**
 * @throws DragonpayError `invalid-setting` if `open` returns another value than a handle, such as a path, or a handle
 *   that is in use: two transactions would be one on it
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
 * Statements that are prepared once. BEGIN and COMMIT are among them for another reason than speed: in libsql, a
 * statement that met a lock stays unfinished until it runs again, and meanwhile no transaction of its handle can
 * commit.
 */
const isKept = /^(?:\/\* dragonpay-[a-z-]+ \*\/|(?:begin immediate|commit|rollback)$)/;

/** SQLite has no booleans. libsql ends the process if it gets one. */
function toSqlite(value: unknown): unknown {
  return typeof value === 'boolean' ? Number(value) : value;
}

/**
 * With WAL, FULL would be enough. Without WAL, EXTRA also flushes the folder, in which a commit deletes the journal.
 */
export const durable = 'pragma synchronous = extra';
