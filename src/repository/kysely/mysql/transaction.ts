import { CompiledQuery, type DatabaseConnection, type Kysely, type Transaction } from 'kysely';
import { settlesWithin } from '../../../async/wait.js';
import { DragonpayError } from '../../../errors.js';
import type { OwnTransaction } from '../dialect.js';
import { GuardedConnection } from '../guarded-connection.js';
import { handTransaction } from '../hand-transaction.js';
import { runSql, type SqlPool, type SqlRunner } from '../run-sql.js';
import { type TakenConnection, takeConnection } from '../take-connection.js';

/** How long ROLLBACK may take, and each attempt to end a query that blocks it, in milliseconds. */
const rollbackMilliseconds = 200;

/** How much longer than its handler a transaction may take before its query is ended, in milliseconds. */
const graceMilliseconds = 1_000;

/** The server drops this savepoint when the transaction ends. */
const savepoint = 'dragonpay_transaction';

/**
 * A transaction that a handler method works in, or that moves rows. The handler can use it as long as its method runs.
 * It is committed only if no query is under way, none failed, and it is still the transaction that was begun.
 *
 * - After a deadlock the server has rolled back, and would run and commit the next queries outside of any transaction.
 *   So no query of the handler is sent after a failed one.
 * - DDL, LOCK TABLES and some others commit silently. They are refused before they are sent, as are COMMIT and
 *   ROLLBACK.
 * - Other statements, such as CALL, may hide a COMMIT. A savepoint is set before the first of them. Before COMMIT, a
 *   query checks that it is still there.
 */
export class MysqlTransaction<Database> implements OwnTransaction<Database> {
  readonly #db: SqlPool;
  readonly #connection: DatabaseConnection;
  readonly #release: () => void;
  readonly #guard: GuardedConnection;
  #threadId: string | undefined;
  #hasSavepoint = false;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;
  #killing: Promise<unknown> = Promise.resolve();

  private constructor(db: SqlPool, { connection, release }: TakenConnection) {
    this.#db = db;
    this.#connection = connection;
    this.#release = release;
    this.#guard = new GuardedConnection(connection, {
      isStrict: true,
      refused: endsTransactions,
      prepare: async (sql) => {
        if (this.#hasSavepoint || isPlain(sql)) return;
        await this.#send(`savepoint ${savepoint}`);
        this.#hasSavepoint = true;
      },
    });
  }

  static async open<Database>(db: SqlPool, taken: TakenConnection): Promise<MysqlTransaction<Database>> {
    const transaction = new MysqlTransaction<Database>(db, taken);
    try {
      await transaction.#send('begin');
    } catch (error) {
      transaction.#finish();
      throw error;
    }
    return transaction;
  }

  /** Sets the id of the connection. Without it, a query that blocks ROLLBACK cannot be ended. */
  identify(threadId: string): void {
    this.#threadId = threadId;
  }

  /** After some time, ends a query that is still under way, such as one that waits for the lock of a table. */
  endQueryAfter(milliseconds: number): void {
    this.#timer = setTimeout(() => void this.#kill('kill query'), milliseconds);
  }

  get plain(): SqlRunner {
    return this.#connection as SqlRunner;
  }

  get isQuerying(): boolean {
    return this.#guard.isActive;
  }

  run(work: (trx: Transaction<Database>) => Promise<void>): Promise<void> {
    return work(handTransaction(this.#db as Kysely<Database>, this.#guard));
  }

  async commit(): Promise<void> {
    this.#guard.closeForCommit();
    await this.#assertNotEnded();
    await this.#send('commit');
    this.#finish();
  }

  async #assertNotEnded(): Promise<void> {
    const { failure } = this.#guard;
    if (failure !== undefined) {
      throw new DragonpayError('unstored', 'a query in the transaction failed', { cause: failure.error });
    }
    if (!this.#hasSavepoint) return;
    try {
      await this.#send(`release savepoint ${savepoint}`);
    } catch (error) {
      throw new DragonpayError('unstored', 'the handler ended the transaction', { cause: error });
    }
  }

  async rollBack(): Promise<void> {
    this.#guard.close('over');
    if (this.#isOver) return;
    const rolledBack = this.#guard
      .idle()
      .then(() => this.#sendRollback())
      .finally(() => this.#finish());
    if (await settlesWithin(rolledBack, rollbackMilliseconds)) return;
    // A query that still runs blocks ROLLBACK.
    for (const command of ['kill query', 'kill']) {
      await settlesWithin(this.#kill(command), rollbackMilliseconds);
      if (await settlesWithin(rolledBack, rollbackMilliseconds)) return;
    }
  }

  /** Never rejects. */
  async #sendRollback(): Promise<void> {
    const rollback = () => this.#send('rollback');
    // A KILL that comes late may hit the first ROLLBACK. If the connection is gone, the transaction is gone with it.
    await rollback()
      .catch(rollback)
      .catch(() => {});
  }

  /**
   * Ends the query or the connection of this transaction, through another connection of the pool. If the pool has no
   * other connection, the time-outs of the server end it. Never rejects.
   */
  async #kill(command: string): Promise<void> {
    if (this.#threadId === undefined) return;
    try {
      const { connection, release } = await takeConnection(this.#db.getExecutor());
      // When the transaction is over, its connection may serve other work, which KILL must not hit.
      if (!this.#isOver) {
        this.#killing = connection.executeQuery(CompiledQuery.raw(`${command} ${Number(this.#threadId)}`));
        await this.#killing.catch(() => {});
      }
      release();
    } catch {
      // The pool gives no other connection.
    }
  }

  async #send(statement: string): Promise<void> {
    await this.#connection.executeQuery(CompiledQuery.raw(statement));
  }

  /** Gives the connection back, but never before a KILL that is under way has hit it. */
  #finish(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#killing.catch(() => {}).then(this.#release);
  }
}

/** Begins a transaction whose queries can be ended from its first one on. */
export async function beginOwnTransaction<Database>(
  db: Kysely<Database>,
  milliseconds: number,
): Promise<OwnTransaction<Database>> {
  const own = await MysqlTransaction.open<Database>(db, await takeConnection(db.getExecutor()));
  try {
    const [row] = await runSql<{ thread: string }>(own.plain, `select ${threadId} as thread`, []);
    if (row !== undefined) own.identify(row.thread);
    // The transaction may wait this long for its row. After that, its handler may take the same time.
    own.endQueryAfter(2 * milliseconds + graceMilliseconds);
    return own;
  } catch (error) {
    await own.rollBack();
    throw error;
  }
}

/** Runs statements of this package in a transaction. */
export async function inTransaction<Result>(db: SqlPool, run: (trx: SqlRunner) => Promise<Result>): Promise<Result> {
  const transaction = await MysqlTransaction.open(db, await takeConnection(db.getExecutor()));
  try {
    const result = await run(transaction.plain);
    await transaction.commit();
    return result;
  } catch (error) {
    await transaction.rollBack();
    throw error;
  }
}

/** The id of the connection, for KILL. */
export const threadId = 'cast(connection_id() as char)';

/**
 * Comments and parentheses at the start of a statement. The server runs what is in a comment with `!`, so only the
 * beginning of that comment is skipped.
 */
const start = String.raw`^(?:[\s(]|--\s[^\n]*\n|#[^\n]*\n|/\*M?!\d*|/\*(?!M?!)[^]*?\*/)*`;

/** COMMIT, ROLLBACK that is not TO a savepoint, and the statements that commit silently: DDL and administration. */
const endsTransactions = new RegExp(
  `${start}(?:${[
    String.raw`begin|start|commit|rollback(?!\s+(?:work\s+)?to\b)`,
    String.raw`truncate|alter|rename|(?:create|drop)(?!\s+temporary\b)`,
    String.raw`lock|unlock|flush|optimize|repair|analyze(?:\s+(?:local|no_write_to_binlog))?\s+table|grant|revoke`,
  ].join('|')})\\b`,
  'i',
);

const readsOrWrites = new RegExp(`${start}(?:select|insert|update|delete|replace|with)\\b`, 'i');

/**
 * Whether a statement certainly does not end the transaction. `false` in case of doubt, which only costs a savepoint: a
 * text with a `;` may hold a second statement, and a comment with `!` may hold any statement.
 */
function isPlain(sql: string): boolean {
  return readsOrWrites.test(sql) && !sql.includes(';') && !/\/\*M?!/.test(sql);
}
