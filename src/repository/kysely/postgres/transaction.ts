import { CompiledQuery, type DatabaseConnection, type Kysely, type Transaction } from 'kysely';
import { settlesWithin } from '../../../async/wait.js';
import { DragonpayError } from '../../../errors.js';
import type { OwnTransaction } from '../dialect.js';
import { GuardedConnection } from '../guarded-connection.js';
import { handTransaction } from '../hand-transaction.js';
import type { SqlRunner } from '../run-sql.js';
import { type TakenConnection, takeConnection } from '../take-connection.js';
import { hasErrorListener, isPipelined, runInOnlyConnection } from './named-statements.js';

/** How long ROLLBACK may take, and each attempt to end a query that blocks it, in milliseconds. */
const rollbackMilliseconds = 200;

/**
 * How long the server waits after the deadline of the handler before it ends a statement or an idle transaction, in
 * milliseconds. It frees the row of a process that hangs. In all other processes, the deadline of the handler comes
 * first.
 */
const serverGraceMilliseconds = 1_000;

/**
 * The Kysely instances whose pools pipeline statements. Only a connection tells whether its pool does so (see
 * `withNamedStatements`), so an instance is added after its first transaction.
 */
const pipelined = new WeakSet<object>();

/** Identifies this transaction to the server. */
export interface TransactionIdentity {
  readonly xid: string;
  readonly pid: string;
}

/**
 * A transaction that a handler method works in. The handler can use it as long as its method runs. It is committed only
 * if no query is under way, no failure of a query was left unhandled, and it is still the transaction that was begun.
 */
export class PostgresTransaction<Database> implements OwnTransaction<Database> {
  readonly #db: Kysely<Database>;
  readonly #connection: DatabaseConnection;
  readonly #release: () => void;
  readonly #guard: GuardedConnection;
  readonly #begun: Promise<unknown>;
  #identity: TransactionIdentity | undefined;
  #isReleased = false;

  private constructor(db: Kysely<Database>, connection: DatabaseConnection, release: () => void) {
    this.#db = db;
    this.#connection = connection;
    this.#release = release;
    this.#guard = new GuardedConnection(connection);
    this.#begun = connection.executeQuery(CompiledQuery.raw('begin deferrable'));
    this.#begun.catch(() => {});
  }

  /**
   * Begins. With `pipeline: true`, BEGIN and the next statement are sent without a wait between them. The next
   * statement must make sure that BEGIN succeeded, see {@link isInTransaction}.
   */
  static async open<Database>(
    db: Kysely<Database>,
    { connection, release }: TakenConnection,
  ): Promise<PostgresTransaction<Database>> {
    const transaction = new PostgresTransaction(db, connection, release);
    try {
      if (!pipelined.has(db)) await transaction.begun();
    } catch (error) {
      transaction.#finish();
      throw error;
    }
    return transaction;
  }

  /** Resolves when the server has executed BEGIN. */
  async begun(): Promise<void> {
    await this.#begun;
  }

  /** Sets the identity. Without it, COMMIT fails after a failed query, and a query that blocks ROLLBACK cannot be cancelled. */
  identify(identity: TransactionIdentity): void {
    this.#identity = identity;
    if (isPipelined(identity.pid)) pipelined.add(this.#db);
  }

  get plain(): SqlRunner {
    return this.#connection as SqlRunner;
  }

  get isQuerying(): boolean {
    return this.#guard.isActive;
  }

  run(work: (trx: Transaction<Database>) => Promise<void>): Promise<void> {
    return runInOnlyConnection(this.#identity?.pid, () => work(handTransaction(this.#db, this.#guard)));
  }

  /** @throws DragonpayError `handler-failed` where a query is under way: an `await` is missing */
  async commit(): Promise<void> {
    this.#guard.closeForCommit();
    if (this.#guard.isSuspect) await this.#assertNotEnded();
    const { rows } = await this.#connection.executeQuery<{ command?: string }>(CompiledQuery.raw('commit'));
    this.#finish();
    // Kysely 0.29 passes on the command tag. It is ROLLBACK if the transaction was aborted.
    if (rows[0]?.command === 'ROLLBACK') throw ended();
  }

  /**
   * A handler may have swallowed a failed query, or ended the transaction itself. COMMIT would then report no error and
   * store nothing. This method rejects instead.
   */
  async #assertNotEnded(): Promise<void> {
    const check = '/* dragonpay-check */ select pg_current_xact_id_if_assigned()::text as xid';
    const { rows } = await this.#connection
      .executeQuery<{ xid: string | null }>(CompiledQuery.raw(check))
      .catch((error: unknown) => {
        const { failure } = this.#guard;
        // The server only says that the transaction was aborted.
        if (failure === undefined) throw error;
        throw new DragonpayError('unstored', 'a query in the transaction failed', { cause: failure.error });
      });
    if (this.#identity === undefined || rows[0]?.xid !== this.#identity.xid) throw ended();
  }

  async rollBack(): Promise<void> {
    this.#guard.close('over');
    if (this.#isReleased) return;
    const rolledBack = this.#guard
      .idle()
      .then(() => this.#sendRollback())
      .finally(() => this.#finish());
    if (await settlesWithin(rolledBack, rollbackMilliseconds)) return;
    // A query that still runs blocks ROLLBACK.
    await this.#signalBackend('pg_cancel_backend');
    if (await settlesWithin(rolledBack, rollbackMilliseconds)) return;
    // node-postgres emits `error` on a client whose connection is ended. Without a listener, that event ends the
    // process.
    if (hasErrorListener(this.#identity?.pid)) await this.#signalBackend('pg_terminate_backend');
    await settlesWithin(rolledBack, rollbackMilliseconds);
  }

  /** Never rejects. */
  async #sendRollback(): Promise<void> {
    const rollback = () => this.#connection.executeQuery(CompiledQuery.raw('rollback'));
    // A cancellation that comes late may hit the first ROLLBACK. If the connection is gone, the transaction is gone
    // with it.
    await rollback()
      .catch(rollback)
      .catch(() => {});
  }

  /** Signals the server process only if its connection is still in this transaction. Otherwise it may do other work. */
  async #signalBackend(signal: 'pg_cancel_backend' | 'pg_terminate_backend'): Promise<void> {
    if (this.#identity === undefined) return;
    const { xid, pid } = this.#identity;
    const signalled = this.#db.withoutPlugins().executeQuery(
      CompiledQuery.raw(
        `select ${signal}(pid) from pg_stat_activity
where pid = $1::integer and backend_xid::text::bigint = $2::bigint & 4294967295`,
        [pid, xid],
      ),
    );
    // The pool may have no other connection. Then the server's own time-out ends the query.
    await settlesWithin(
      signalled.then(() => {}).catch(() => {}),
      rollbackMilliseconds,
    );
  }

  #finish(): void {
    this.#isReleased = true;
    this.#release();
  }
}

/** Begins a transaction that is bounded from its first statement on. */
export async function beginOwnTransaction<Database>(
  db: Kysely<Database>,
  milliseconds: number,
): Promise<OwnTransaction<Database>> {
  const own = await PostgresTransaction.open(db, await takeConnection(db.getExecutor()));
  try {
    await own.begun();
    const { rows } = await own.plain.executeQuery(
      CompiledQuery.raw(`/* dragonpay-begin */ select ${identityAndBounds('$1')}`, [
        boundOf(milliseconds),
      ]) as CompiledQuery<TransactionIdentity>,
    );
    if (rows[0] !== undefined) own.identify(rows[0]);
    return own;
  } catch (error) {
    await own.rollBack();
    throw error;
  }
}

/**
 * SQL: whether the statement certainly runs after the BEGIN of {@link PostgresTransaction.open}. DEFERRABLE has no
 * effect on a transaction that writes. Here it marks the transaction, unless it is the default of the session. Without
 * this check, a statement that was sent right after a failed BEGIN would commit by itself.
 */
export const isInTransaction = `current_setting('transaction_deferrable') = 'on'
      and current_setting('default_transaction_deferrable') = 'off'`;

/** Columns that name the transaction, and bound the statements after this one and the pauses between them. */
export function identityAndBounds(parameter: string): string {
  const [xid, pid, ...bounds] = identityAndBoundsValues(parameter);
  return `${xid} as xid, ${pid} as pid, ${bounds.join(', ')}`;
}

/** The values of these columns. */
export function identityAndBoundsValues(parameter: string): readonly string[] {
  const bounds = ['statement_timeout', 'idle_in_transaction_session_timeout'];
  return [
    'pg_current_xact_id()::text',
    'pg_backend_pid()::text',
    ...bounds.map((name) => `set_config('${name}', ${parameter}, true)`),
  ];
}

/** How long the server waits for a handler that may take this many milliseconds. */
export function boundOf(milliseconds: number): string {
  return String(Math.ceil(milliseconds) + serverGraceMilliseconds);
}

function ended(): DragonpayError {
  return new DragonpayError('unstored', 'the transaction was aborted, or the handler ended it');
}
