import { DragonpayError } from '../../errors.js';
import type { RepositoryDialect } from './dialect.js';
import type { SqlRunner } from './run-sql.js';

/** The shortest time between two checks for statements that take too long, in milliseconds. */
const shortestPeriod = 50;
const longestPeriod = 1_000;

/**
 * Bounds how long statements wait for locks. Statements skip locked rows. A lock on a whole table, such as that of
 * ALTER TABLE, stops every statement, and each of them holds a connection. This class then asks the server, through
 * another connection of the pool, to end these statements. Statements that work and do not wait are not ended.
 */
export class LockWaits {
  readonly #db: SqlRunner;
  readonly #dialect: RepositoryDialect;
  readonly #milliseconds: number;
  #isEnding = false;

  /** @param milliseconds how long a statement may wait */
  constructor(db: SqlRunner, dialect: RepositoryDialect, milliseconds: number) {
    this.#db = db;
    this.#dialect = dialect;
    this.#milliseconds = milliseconds;
  }

  /**
   * Runs a statement.
   * @throws DragonpayError `unstored` if the server ended it, or if the tables are missing
   */
  async bound<Result>(run: () => Promise<Result>): Promise<Result> {
    const tooLongAt = performance.now() + this.#milliseconds;
    const period = Math.min(Math.max(this.#milliseconds / 4, shortestPeriod), longestPeriod);
    const timer = setInterval(() => {
      if (performance.now() >= tooLongAt) void this.#end();
    }, period);
    try {
      return await run();
    } catch (error) {
      throw this.#dialect.isLockTimeout(error) ? waitedTooLong(error) : asMissingTable(this.#dialect, error);
    } finally {
      clearInterval(timer);
    }
  }

  /**
   * Ends statements that wait for locks. Never rejects. If the pool has no other connection, the statements go on
   * waiting.
   */
  async #end(): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    await this.#dialect.endLockWaits?.(this.#db, this.#milliseconds).catch(() => {});
    this.#isEnding = false;
  }
}

/** Returns the error. If tables are missing or of an older version, returns an error that says what to do. */
export function asMissingTable(dialect: RepositoryDialect, error: unknown): unknown {
  if (!dialect.isMissingTable(error)) return error;
  const advice = 'run the migrations of dragonpay-callback, as with: npx dragonpay-callback migrate up';
  return new DragonpayError('unstored', `${(error as Error).message}: ${advice}`, { cause: error });
}

function waitedTooLong(cause: unknown): DragonpayError {
  return new DragonpayError('unstored', 'a statement waited too long for a locked table, or ran too long', { cause });
}
