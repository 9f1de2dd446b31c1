import { CompiledQuery, type Kysely, type Transaction } from 'kysely';
import { DragonpayError } from '../../../errors.js';
import type { OwnTransaction } from '../dialect.js';
import { GuardedConnection } from '../guarded-connection.js';
import { handTransaction } from '../hand-transaction.js';
import type { SqlPool, SqlRunner } from '../run-sql.js';
import { type TakenConnection, takeConnection } from '../take-connection.js';
import { makeDurable, whileHolding } from './file-connection.js';

/**
 * A statement that ends or begins a transaction. SQLite runs only one statement of a text, and only these statements
 * and errors end a transaction. So these statements are refused before they run. `ROLLBACK TO` a savepoint is allowed:
 * it does not end the transaction.
 */
const endsTransaction =
  /^(?:\s|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*(?:begin|commit|end|rollback(?!\s+(?:transaction\s+)?to\b))\b/i;

/**
 * A transaction that a handler method works in. It has the write lock of the file from its beginning, so nothing that
 * it reads can change before it commits. It is committed only if no query is under way and no query failed.
 */
export class SqliteTransaction<Database> implements OwnTransaction<Database> {
  readonly #db: Kysely<Database>;
  readonly #taken: TakenConnection;
  readonly #guard: GuardedConnection;
  #isReleased = false;

  private constructor(db: Kysely<Database>, taken: TakenConnection) {
    this.#db = db;
    this.#taken = taken;
    this.#guard = new GuardedConnection(taken.connection, {
      isStrict: true,
      refused: endsTransaction,
      // Waits one tick before each query. A query blocks the process. Without the tick, a query that a method does not
      // await could be over before the method returns: the first query of a helper would be stored, and the second one
      // refused. The tick runs after all promises that are settled.
      prepare: () => new Promise((resolve) => process.nextTick(resolve)),
    });
  }

  /** Begins with the write lock. @param taken the connection, which the transaction releases */
  static async begin<Database>(db: Kysely<Database>, taken: TakenConnection): Promise<SqliteTransaction<Database>> {
    try {
      await makeDurable(taken.connection);
      await taken.connection.executeQuery(CompiledQuery.raw('begin immediate'));
    } catch (error) {
      taken.release();
      throw error;
    }
    return new SqliteTransaction(db, taken);
  }

  get plain(): SqlRunner {
    return this.#taken.connection as SqlRunner;
  }

  get isQuerying(): boolean {
    return this.#guard.isActive;
  }

  run(work: (trx: Transaction<Database>) => Promise<void>): Promise<void> {
    return whileHolding(this.#taken.connection, () => work(handTransaction(this.#db, this.#guard)));
  }

  async commit(): Promise<void> {
    this.#guard.closeForCommit();
    const { failure } = this.#guard;
    if (failure !== undefined) {
      throw new DragonpayError('unstored', 'a query in the transaction failed', { cause: failure.error });
    }
    await this.#taken.connection.executeQuery(CompiledQuery.raw('commit'));
    this.#finish();
  }

  async rollBack(): Promise<void> {
    this.#guard.close('over');
    if (this.#isReleased) return;
    await this.#guard.idle();
    // After an error, SQLite may have rolled back by itself. ROLLBACK then fails.
    await this.#taken.connection.executeQuery(CompiledQuery.raw('rollback')).catch(() => {});
    this.#finish();
  }

  #finish(): void {
    this.#isReleased = true;
    this.#taken.release();
  }
}

/** Begins a transaction. SQLite bounds no statement: the deadline of the handler is the only one. */
export async function beginOwnTransaction<Database>(db: Kysely<Database>): Promise<OwnTransaction<Database>> {
  return SqliteTransaction.begin(db, await takeConnection(db.getExecutor()));
}

/** Runs statements of this package in a transaction. Rolls back if it rejects. */
export async function inTransaction<Result>(db: SqlPool, run: (trx: SqlRunner) => Promise<Result>): Promise<Result> {
  const own = await beginOwnTransaction(db as Kysely<unknown>);
  try {
    const result = await run(own.plain);
    await own.commit();
    return result;
  } catch (error) {
    await own.rollBack();
    throw error;
  }
}
