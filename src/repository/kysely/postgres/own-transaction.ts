import { CompiledQuery, type ControlledTransaction, type Kysely, type Transaction } from 'kysely';
import type { OwnTransaction } from '../dialect.js';

const rollbackMilliseconds = 200;

/**
 * How much longer than the handler the server waits. A connection that the server ends by itself raises `error` on its
 * client, which nobody may listen to: it is for processes that stand still, and a handler's own deadline comes first.
 */
const serverGraceMilliseconds = 1_000;

/**
 * A transaction that a handler method works in. It is bounded by the server, handed over as long as the handler runs,
 * and committed only if it is still the one that was begun.
 */
class PostgresTransaction<Database> implements OwnTransaction<Database> {
  readonly #db: Kysely<Database>;
  readonly #trx: ControlledTransaction<Database>;
  readonly #identity: { readonly xid: string; readonly pid: string };
  #isOver = false;

  private constructor(
    db: Kysely<Database>,
    trx: ControlledTransaction<Database>,
    identity: { readonly xid: string; readonly pid: string },
  ) {
    this.#db = db;
    this.#trx = trx;
    this.#identity = identity;
  }

  /** Begins. The server ends it by itself when a statement, or a pause between two, takes a second longer than that. */
  static async begin<Database>(db: Kysely<Database>, milliseconds: number): Promise<PostgresTransaction<Database>> {
    const trx = await db.startTransaction().execute();
    try {
      const { rows } = await trx.withoutPlugins().executeQuery<{ xid: string; pid: string }>(
        CompiledQuery.raw(
          `/* dragonpay-begin */ select pg_current_xact_id()::text as xid, pg_backend_pid()::text as pid,
  set_config('statement_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $1, true)`,
          [String(milliseconds + serverGraceMilliseconds)],
        ),
      );
      return new PostgresTransaction(db, trx, rows[0] ?? { xid: '', pid: '' });
    } catch (error) {
      await trx
        .rollback()
        .execute()
        .catch(() => {});
      throw error;
    }
  }

  /** For our own statements: without the plugins of the user's Kysely. */
  get plain(): Kysely<Database> {
    return this.#trx.withoutPlugins();
  }

  /**
   * For the handler. It takes no query once COMMIT or ROLLBACK is on its way: such a query would run after it, on a
   * connection that is somebody else's by then.
   */
  get handed(): Transaction<Database> {
    return this.#guarded(this.#trx);
  }

  #guarded(trx: Transaction<Database>): Transaction<Database> {
    const guarded: Transaction<Database> = trx.withPlugin({
      transformQuery: ({ node }) => {
        this.#assertNotOver();
        return node;
      },
      transformResult: async ({ result }) => result,
    });
    const executeQuery = guarded.executeQuery.bind(guarded);
    // Compiled queries pass plugins by.
    guarded.executeQuery = async (query, ...rest) => {
      this.#assertNotOver();
      return executeQuery(query, ...rest);
    };
    // Ours is a plugin that stays.
    guarded.withoutPlugins = () => this.#guarded(trx.withoutPlugins());
    return guarded;
  }

  #assertNotOver(): void {
    if (this.#isOver) throw new Error('the transaction of this callback is over');
  }

  /**
   * Commits. A handler may have swallowed a failed query, or ended the transaction by itself; COMMIT would then answer
   * without an error and store nothing. This rejects.
   */
  async commit(): Promise<void> {
    this.#isOver = true;
    const { rows } = await this.plain.executeQuery<{ xid: string | null }>(
      CompiledQuery.raw('/* dragonpay-check */ select pg_current_xact_id_if_assigned()::text as xid'),
    );
    if (rows[0]?.xid !== this.#identity.xid) throw new Error('the handler ended the transaction that it was given');
    await this.#trx.commit().execute();
  }

  /**
   * Rolls back, whatever state the transaction is in. Never rejects. ROLLBACK queues behind a query that still runs:
   * past a moment of grace the connection is ended instead, and the transaction with it.
   */
  async rollBack(): Promise<void> {
    this.#isOver = true;
    if (this.#trx.isCommitted || this.#trx.isRolledBack) return;
    const rolledBack = this.#trx
      .rollback()
      .execute()
      // The connection is gone, and the transaction with it.
      .catch(() => {});
    if (await settlesWithin(rolledBack, rollbackMilliseconds)) return;
    await Promise.race([this.#endConnection().catch(() => {}), rolledBack]);
    await settlesWithin(rolledBack, rollbackMilliseconds);
  }

  /** Only while it is in this very transaction: the connection may have become free, and somebody else's, meanwhile. */
  async #endConnection(): Promise<void> {
    const { xid, pid } = this.#identity;
    await this.#db.withoutPlugins().executeQuery(
      CompiledQuery.raw(
        `select pg_terminate_backend(pid) from pg_stat_activity
where pid = $1::integer and backend_xid::text::bigint = $2::bigint & 4294967295`,
        [pid, xid],
      ),
    );
  }
}

/** Begins a transaction for a handler. */
export function beginOwnTransaction<Database>(
  db: Kysely<Database>,
  milliseconds: number,
): Promise<OwnTransaction<Database>> {
  return PostgresTransaction.begin(db, milliseconds);
}

async function settlesWithin(promise: Promise<void>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, milliseconds, false);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
