import type { QueryResult } from 'kysely';
import { busyError, isBusy } from './errors.js';
import { FileHandle, type SqliteFileHandle } from './file-handle.js';

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

/** A file with its two handles, and the queue of the connections that wait to write. */
export class SqliteFile {
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

  /** Begins a transaction on the writer. Waits for its turn in this process, and then for other processes. */
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

  /** Runs a statement that cannot be in a transaction, between the transactions of this process. */
  async runAlone<Row>(sql: string, parameters: readonly unknown[]): Promise<QueryResult<Row>> {
    const giveUpAt = performance.now() + this.#busyMilliseconds;
    await this.#enter(giveUpAt);
    try {
      return await untilFree(giveUpAt, () => this.writer.execute<Row>(sql, parameters));
    } finally {
      this.leave();
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

  /** @throws DragonpayError `unstored` if the file was replaced. Both handles are then opened again */
  assertInPlace(): void {
    try {
      this.writer.assertInPlace();
    } catch (error) {
      this.reader.discard();
      throw error;
    }
  }

  /** Gives the turn to the next one in the queue. */
  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#isLocked = false;
    else next();
  }

  /** Moves commits from the journal into the file itself, so that a copy of the closed file is complete. */
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

/**
 * The longest pause between two tries, in milliseconds. It is short, because SQLite has no queue for connections that
 * wait.
 */
const longestPause = 20;
