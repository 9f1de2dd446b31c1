import { CompiledQuery, type DatabaseConnection, type QueryResult } from 'kysely';
import { DragonpayError } from '../../../errors.js';

/** `over`: later queries fail. `abandoned`: the method is not waiting for them, so they never settle. */
type Closing = 'over' | 'abandoned';

/** Is gone when the transaction has ended. */
const savepoint = 'dragonpay_transaction';

/**
 * The connection of a transaction, as long as a handler may use it. Every query of the handler passes here, however it
 * was built and whatever plugins it has. Three things differ from other databases:
 *
 * - After a deadlock the server has rolled back, and runs what follows outside of any transaction: it would stay for
 *   good. So no query passes after one that failed, and none is sent before the one before it has succeeded. Only
 *   ROLLBACK TO passes: where the server still knows the savepoint, the transaction goes on from there.
 * - DDL commits without a word. It is refused before it is sent, and so is COMMIT.
 * - Other statements, such as CALL, may hide a COMMIT. Before the first of them a savepoint is set. COMMIT of this
 *   package asks whether it is still there.
 */
export class GuardedConnection implements DatabaseConnection {
  readonly #connection: DatabaseConnection;
  #active = 0;
  #closed: Closing | undefined;
  #failure: { readonly error: unknown } | undefined;
  #hasSavepoint = false;
  /** Settles when the query before has settled. Never rejects. */
  #turn: Promise<void> = Promise.resolve();
  readonly #whenIdle: (() => void)[] = [];

  constructor(connection: DatabaseConnection) {
    this.#connection = connection;
  }

  /** Whether a query is under way. */
  get isActive(): boolean {
    return this.#active > 0;
  }

  /** Resolves when no query is under way. */
  async idle(): Promise<void> {
    if (this.#active > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
  }

  /** Lets no more queries through: after COMMIT or ROLLBACK they would run in a transaction of somebody else. */
  close(closing: Closing): void {
    this.#closed ??= closing;
  }

  /** @throws DragonpayError `unstored` if a query failed, or the transaction is no longer the one that was begun */
  async assertNotEnded(): Promise<void> {
    if (this.#failure !== undefined) throw aborted(this.#failure.error);
    if (!this.#hasSavepoint) return;
    try {
      await this.#connection.executeQuery(CompiledQuery.raw(`release savepoint ${savepoint}`));
    } catch (error) {
      throw new DragonpayError('unstored', 'the handler ended the transaction', { cause: error });
    }
  }

  executeQuery<Row>(query: CompiledQuery, ...rest: unknown[]): Promise<QueryResult<Row>> {
    return this.#settled(async () => {
      const done = await this.#begin(query);
      try {
        const result = await (this.#connection.executeQuery as Execute<Row>).call(this.#connection, query, ...rest);
        this.#failure = undefined;
        return result;
      } catch (error) {
        this.#failure ??= { error };
        throw error;
      } finally {
        done();
      }
    });
  }

  async *streamQuery<Row>(query: CompiledQuery, ...rest: unknown[]): AsyncIterableIterator<QueryResult<Row>> {
    const done = await this.#settled(() => this.#begin(query));
    try {
      yield* (this.#connection.streamQuery as Stream<Row>).call(this.#connection, query, ...rest);
    } catch (error) {
      this.#failure ??= { error };
      throw error;
    } finally {
      done();
    }
  }

  /** Waits for the queries before. Resolves to a function that lets the next one pass. */
  async #begin({ sql }: CompiledQuery): Promise<() => void> {
    this.#assertOpen(sql);
    const before = this.#turn;
    let next = () => {};
    this.#turn = new Promise((resolve) => {
      next = resolve;
    });
    this.#active++;
    const done = () => {
      next();
      if (--this.#active === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
    };
    try {
      await before;
      this.#assertOpen(sql);
      if (endsTransactions.test(sql)) {
        throw new DragonpayError('handler-failed', 'callback.trx takes no COMMIT, ROLLBACK or DDL: it would end it');
      }
      if (!isPlain(sql) && !this.#hasSavepoint) {
        await this.#connection.executeQuery(CompiledQuery.raw(`savepoint ${savepoint}`));
        this.#hasSavepoint = true;
      }
    } catch (error) {
      this.#failure ??= { error };
      done();
      throw error;
    }
    return done;
  }

  #assertOpen(sql: string): void {
    if (this.#closed !== undefined)
      throw new DragonpayError('handler-failed', 'the transaction of this callback is over');
    if (this.#failure !== undefined && !returnsToSavepoint.test(sql)) throw aborted(this.#failure.error);
  }

  /** Without this, the rejection of a query without `await` would end the process. */
  async #settled<Result>(run: () => Promise<Result>): Promise<Result> {
    try {
      return await run();
    } catch (error) {
      if (this.#closed === 'abandoned') return new Promise(() => {});
      throw error;
    }
  }
}

type Execute<Row> = (query: CompiledQuery, ...rest: unknown[]) => Promise<QueryResult<Row>>;
type Stream<Row> = (query: CompiledQuery, ...rest: unknown[]) => AsyncIterableIterator<QueryResult<Row>>;

/** Comments and parentheses at the start of a statement. A comment with `!` is a statement to the server. */
const start = String.raw`^(?:[\s(]|--\s[^\n]*\n|#[^\n]*\n|/\*(?![!M])[^]*?\*/)*`;

/** COMMIT, ROLLBACK that is not TO a savepoint, and the usual DDL. */
const endsTransactions = new RegExp(
  `${start}(?:begin|start|commit|rollback(?!\\s+(?:work\\s+)?to\\b)|truncate|alter|rename|(?:create|drop)(?!\\s+temporary\\b))\\b`,
  'i',
);

const returnsToSavepoint = new RegExp(`${start}rollback\\s+(?:work\\s+)?to\\b[^;]*$`, 'i');

const readsOrWrites = new RegExp(`${start}(?:select|insert|update|delete|replace|with)\\b`, 'i');

/**
 * Whether a statement surely does not end the transaction. May be wrong about others, which only costs a savepoint: one
 * with a `;` may hold a second statement, and a comment with `!` anything.
 */
function isPlain(sql: string): boolean {
  return readsOrWrites.test(sql) && !sql.includes(';') && !/\/\*M?!/.test(sql);
}

function aborted(cause: unknown): DragonpayError {
  return new DragonpayError('unstored', 'the transaction was aborted: a query in it failed', { cause });
}
