import { AsyncLocalStorage } from 'node:async_hooks';
import { CompiledQuery, type DatabaseConnection, type QueryResult } from 'kysely';
import { DragonpayError } from '../../../errors.js';
import type { SqliteFile } from './file.js';
import { durable } from './file-handle.js';

/**
 * A connection without a handle of its own. Inside a transaction it holds the writer and uses it. Outside, it reads
 * through the reader, and each write has a transaction of its own.
 */
export class FileConnection implements DatabaseConnection {
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
    if (command === 'vacuum') {
      this.#assertNotHeld();
      return this.file.runAlone<Row>(sql, parameters);
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

  /** Reads all rows at once, because an open query would keep the handle from other work. */
  async *streamQuery<Row>(query: CompiledQuery): AsyncIterableIterator<QueryResult<Row>> {
    const { rows } = await this.executeQuery<Row>(query);
    for (const row of rows) yield { rows: [row] };
  }

  /** Rolls back a transaction that is still open. */
  release(): void {
    if (!this.#holds) return;
    try {
      this.#execute('rollback', [], 'rollback');
    } catch {
      // After an error, SQLite may have rolled back already.
    } finally {
      this.#end();
    }
  }

  async #begin(): Promise<void> {
    this.#assertNotHeld();
    await this.file.begin();
    this.#holds = true;
  }

  #assertNotHeld(): void {
    const holder = held.getStore();
    if (holder?.holds && holder.file === this.file) {
      throw new DragonpayError(
        'pool-exhausted',
        'the method holds the write lock of the file: use callback.trx for all its writes',
      );
    }
  }

  #execute<Row>(sql: string, parameters: readonly unknown[], command: string): QueryResult<Row> {
    const commits = command === 'commit' || command === 'end';
    try {
      if (commits) this.file.assertInPlace();
      const result = this.file.writer.execute<Row>(sql, parameters);
      if (commits) this.#end();
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

  /**
   * Releases the writer. A handle on which a statement failed is replaced: libsql may keep the statement unfinished.
   */
  #end(): void {
    this.#holds = false;
    if (this.#hasFailed) this.file.writer.discard();
    this.#hasFailed = false;
    this.file.leave();
  }
}

/** Matches the first word of a statement, after comments. */
const firstWord = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*([a-z]+)/i;
const reads: ReadonlySet<string> = new Set(['select', 'values', 'explain', 'pragma']);
const writes = /\b(?:insert|update|delete|replace)\b/i;
const returnsToSavepoint = /\bto\b/i;

/** The connection that the current handler holds. */
const held = new AsyncLocalStorage<FileConnection>();

/**
 * Runs a handler that holds a connection. Its writes outside of the transaction fail at once: otherwise they would wait
 * for the handler itself.
 */
export function whileHolding<Result>(connection: DatabaseConnection, run: () => Result): Result {
  return connection instanceof FileConnection ? held.run(connection, run) : run();
}

/**
 * Makes the next commit durable on a handle that another dialect opened. Call it outside of a transaction. Other code
 * may have chosen weaker settings: without a journal in the file, SQLite cannot even roll back.
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
