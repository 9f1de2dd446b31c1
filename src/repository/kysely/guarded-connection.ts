import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely';
import { forgive } from '../../async/unawaited.js';
import { DragonpayError } from '../../errors.js';

/**
 * How the transaction ended for its method.
 * - `over`: the method failed or was too late. Its later queries fail, so that the method ends.
 * - `returned`: the method has returned. `abandoned`: it has returned while a query was under way. Its later queries
 *   never settle, because nothing awaits them, and an unhandled rejection would end the process.
 */
type Closing = 'over' | 'returned' | 'abandoned';

/** The behaviour of a {@link GuardedConnection} that depends on the database. Default: the behaviour for PostgreSQL. */
export interface GuardOptions {
  /**
   * Whether queries are refused after a failed one. The database may have ended the transaction, and the next query
   * would then commit by itself. After a failure only `ROLLBACK TO` a savepoint is let through. Each query waits until
   * the query before it has succeeded. PostgreSQL does this by itself.
   */
  readonly isStrict?: boolean;
  /** Matches a statement that ends the transaction. It is refused. */
  readonly refused?: RegExp;
  /** Runs before a query is sent. Needs `isStrict`. */
  readonly prepare?: (sql: string) => Promise<void>;
}

/**
 * The connection of a transaction, as long as a handler may use it. Every query of the handler passes here, however it
 * was built and whatever plugins it has, so this is the place that knows whether one is under way or has failed.
 */
export class GuardedConnection implements DatabaseConnection {
  readonly #connection: DatabaseConnection;
  readonly #isStrict: boolean;
  readonly #refused: RegExp | undefined;
  readonly #prepare: ((sql: string) => Promise<void>) | undefined;
  #active = 0;
  /** The failure of a query, until a `ROLLBACK TO` a savepoint succeeds. */
  #failure: { readonly error: unknown } | undefined;
  #lastTurn: Promise<void> = Promise.resolve();
  #isSuspect = false;
  #hasWarned = false;
  /** A failed query whose rejection nobody handled. */
  #forgotten: { readonly error: unknown } | undefined;
  #closed: Closing | undefined;
  readonly #whenIdle: (() => void)[] = [];
  /** How many streams have begun and not ended. */
  #reading = 0;
  /** Streams that were not read to their end, each with the function that ends its turn. */
  readonly #streams = new Map<AsyncIterator<unknown>, () => void>();

  constructor(connection: DatabaseConnection, { isStrict = false, refused, prepare }: GuardOptions = {}) {
    this.#connection = connection;
    this.#isStrict = isStrict;
    this.#refused = refused;
    this.#prepare = prepare;
  }

  /** Whether a query is under way. */
  get isActive(): boolean {
    return this.#active > 0;
  }

  /**
   * Whether the transaction may have been aborted or ended: a query failed, or a query held a word such as `commit`. If
   * the word was harmless, this only costs one more query before COMMIT.
   */
  get isSuspect(): boolean {
    return this.#isSuspect;
  }

  /** The failure of a query, unless a later `ROLLBACK TO` a savepoint succeeded. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** Resolves when no query is under way. */
  async idle(): Promise<void> {
    if (this.#active > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
  }

  /**
   * Refuses later queries, before COMMIT.
   * @throws DragonpayError `handler-failed` where a query is under way, or failed and nobody handled it
   */
  closeForCommit(): void {
    if (this.isActive) {
      this.close('abandoned');
      throw new DragonpayError(
        'handler-failed',
        'a query was under way when the method returned: an await is missing before a query of callback.trx',
      );
    }
    this.close('returned');
    if (this.#forgotten === undefined) return;
    const { error: cause } = this.#forgotten;
    throw new DragonpayError('handler-failed', `${forgotten}: an await is missing`, { cause });
  }

  /** Refuses later queries. After COMMIT or ROLLBACK they would run in a transaction of another callback. */
  close(closing: Closing): void {
    this.#closed ??= closing;
    // The method does not read its open streams any more. If they stayed open, the transaction would wait for them and
    // hold its locks for ever.
    for (const [rows, end] of this.#streams) void ended(rows).then(end);
    this.#streams.clear();
  }

  executeQuery<Row>(query: CompiledQuery, ...rest: unknown[]): Promise<QueryResult<Row>> {
    return this.#settled(async () => {
      const turn = this.#begin(query);
      try {
        if (this.#isStrict) await this.#take(turn, query);
        const result = await (this.#connection.executeQuery as Execute<Row>).call(this.#connection, query, ...rest);
        if (returnsToSavepoint.test(query.sql)) this.#failure = undefined;
        return result;
      } catch (error) {
        this.#fail(error);
        throw error;
      } finally {
        turn.end();
      }
    });
  }

  async *streamQuery<Row>(query: CompiledQuery, ...rest: unknown[]): AsyncIterableIterator<QueryResult<Row>> {
    const turn = await this.#settled(async () => this.#begin(query));
    this.#reading++;
    let rows: AsyncIterableIterator<QueryResult<Row>> | undefined;
    let isComplete = false;
    try {
      if (this.#isStrict) await this.#settled(() => this.#take(turn, query));
      rows = (this.#connection.streamQuery as Stream<Row>).call(this.#connection, query, ...rest);
      this.#streams.set(rows, turn.end);
      for await (const row of rows) {
        yield row;
        await this.#settled(async () => this.#assertOpen());
      }
      isComplete = true;
    } catch (error) {
      this.#fail(error);
      throw this.#forgiven(error);
    } finally {
      this.#reading--;
      if (rows !== undefined) this.#streams.delete(rows);
      if (!isComplete) this.#isSuspect = true;
      turn.end();
    }
  }

  #begin({ sql }: CompiledQuery): Turn {
    this.#assertUsable(sql);
    // The query would wait for the stream, and the loop that reads the stream would wait for the query.
    if (this.#reading > 0) this.#refuse('a stream of callback.trx must be read to its end before the next query');
    if (endsTransactions.test(sql)) this.#isSuspect = true;
    this.#active++;
    const before = this.#lastTurn;
    let next = () => {};
    this.#lastTurn = new Promise((resolve) => {
      next = resolve;
    });
    let hasEnded = false;
    const end = () => {
      if (hasEnded) return;
      hasEnded = true;
      next();
      if (--this.#active === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
    };
    return { before, end };
  }

  /** Waits for the earlier queries, because one of them may fail. */
  async #take({ before, end }: Turn, { sql }: CompiledQuery): Promise<void> {
    await before;
    try {
      this.#assertUsable(sql);
      await this.#prepare?.(sql);
    } catch (error) {
      end();
      throw error;
    }
  }

  #assertOpen(): void {
    if (this.#closed === undefined) return;
    if (this.#closed === 'returned') this.#warn(lateWarning);
    throw new DragonpayError('handler-failed', 'the transaction of this callback is over');
  }

  #assertUsable(sql: string): void {
    this.#assertOpen();
    if (this.#refused?.test(sql)) this.#refuse('a method must not end or begin the transaction of callback.trx');
    if (this.#isStrict && this.#failure !== undefined && !returnsToSavepoint.test(sql)) {
      throw new DragonpayError(
        'handler-failed',
        'an earlier query of callback.trx failed: the transaction accepts no more queries',
        {
          cause: this.#failure.error,
        },
      );
    }
  }

  #refuse(problem: string): never {
    const error = new DragonpayError('handler-failed', problem);
    this.#fail(error);
    throw error;
  }

  #fail(error: unknown): void {
    this.#isSuspect = true;
    this.#failure ??= { error };
  }

  /**
   * Warns once for each transaction. The callback may have been answered already, so the warning may be the only
   * report.
   */
  #warn(warning: string): void {
    if (!this.#hasWarned) process.emitWarning(warning, 'DragonpayWarning');
    this.#hasWarned = true;
  }

  /** Without this, the rejection of a query without `await` would end the process. */
  async #settled<Result>(run: () => Promise<Result>): Promise<Result> {
    try {
      return await run();
    } catch (error) {
      if (this.#closed === 'abandoned' || this.#closed === 'returned') return new Promise(() => {});
      throw this.#forgiven(error);
    }
  }

  /** Marks an error, so that it does not end the process if nothing handles it. */
  #forgiven(error: unknown): unknown {
    forgive(error, () => {
      this.#forgotten ??= { error };
      this.#warn(`${forgotten}: an await is missing in its @OnStatus method.`);
    });
    return error;
  }
}

/** Ends a stream, after the read that is under way. Never rejects. */
async function ended(rows: AsyncIterator<unknown>): Promise<void> {
  try {
    await rows.return?.();
  } catch {
    // A stream that failed has ended as well.
  }
}

/** The place of a query in the order of queries. */
interface Turn {
  /** Resolves when the earlier queries have settled. */
  readonly before: Promise<void>;
  /** Called when the query has settled. */
  readonly end: () => void;
}

const forgotten = 'a query of callback.trx failed, and nothing handled its rejection';
const lateWarning =
  'a query of callback.trx came after its @OnStatus method had returned. It was not run: an await is missing in the method.';

type Execute<Row> = (query: CompiledQuery, ...rest: unknown[]) => Promise<QueryResult<Row>>;
type Stream<Row> = (query: CompiledQuery, ...rest: unknown[]) => AsyncIterableIterator<QueryResult<Row>>;

const returnsToSavepoint = /^\s*rollback\s+(?:work\s+|transaction\s+)?to\b[^;]*$/i;
const endsTransactions = /\b(?:begin|start|commit|end|rollback|abort|prepare)\b/i;
