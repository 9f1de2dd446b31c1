import { AsyncLocalStorage } from 'node:async_hooks';
import { hash } from 'node:crypto';
import type { PostgresPool, PostgresPoolClient } from 'kysely';
import { DragonpayError, invalidSetting } from '../../../errors.js';
import { RecentKeys } from '../recent-keys.js';

/** The part of a node-postgres client that is used here. */
export interface NamedStatementsClient {
  // biome-ignore lint/suspicious/noExplicitAny: pg's own signatures take and give any
  query: (...args: any[]) => any;
  release: (destroy?: boolean | Error) => void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  once(event: 'end', listener: () => void): unknown;
  /** The id of the server process of the connection. */
  readonly processID?: number | null;
  /** Whether it sends a statement without waiting for the one before. */
  readonly pipeline?: boolean;
}

/** The part of a node-postgres pool that is used here. */
export interface NamedStatementsPool {
  connect(): Promise<NamedStatementsClient>;
  end(): Promise<void>;
  readonly options?: { readonly max?: number | undefined } | undefined;
  on?(event: 'connect', listener: (client: NamedStatementsClient) => void): unknown;
}

/**
 * Wraps a pool so that PostgreSQL parses and plans a statement once for each connection, and not once for each
 * callback. It names the statements of this package, and at most a hundred statements of your own: an INSERT, UPDATE or
 * DELETE with parameters and without RETURNING gets a name when it is sent for the second time. All other statements
 * pass unchanged. Kysely itself names no statement.
 *
 * A connection that dies in the middle of a transaction does not end the process: node-postgres emits `error` on its
 * client, and the wrapper listens. If the pool has only one connection, a method that takes a second one gets an error
 * at once, because it would wait for itself.
 *
 * PgBouncer in transaction mode supports named statements from version 1.21, if `max_prepared_statements` is not 0.
 * Behind any other pooler, do not wrap the pool: a name is known to one connection of the server, and the next
 * statement may be sent over another. If that happens, the wrapper warns once and names no further statement.
 *
 * @throws DragonpayError `invalid-setting` for a value that is not a pool
 *
 * @example
 * const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: withNamedStatements(new Pool()) }) });
 */
export function withNamedStatements(pool: NamedStatementsPool): PostgresPool {
  if (typeof pool?.connect !== 'function') throw invalidSetting('pool', 'must be a pool of pg, such as new Pool()');
  const wrapped = new WeakMap<object, PostgresPoolClient>();
  const heard = new WeakSet<object>();
  let isNaming = true;
  const stopNaming = () => {
    if (isNaming) process.emitWarning(poolerWarning, 'DragonpayWarning');
    isNaming = false;
  };
  const hear = (client: NamedStatementsClient) => {
    if (heard.has(client)) return;
    heard.add(client);
    client.on('error', () => {});
  };
  // Listens from `connect` on, because the server can report in one packet that it is ready and that it goes down.
  pool.on?.('connect', hear);
  return {
    async connect() {
      assertNotHeld(pool);
      const client = await pool.connect();
      let named = wrapped.get(client);
      if (named === undefined) {
        hear(client);
        const { processID: pid } = client;
        if (typeof pid === 'number') {
          connections.set(String(pid), { pool, client });
          client.once('end', () => connections.delete(String(pid)));
        }
        const uses = new Map<string, number>();
        named = {
          query: (statement: unknown, values?: readonly unknown[]) => {
            const known = isNaming && typeof statement === 'string' ? nameOf(statement, values) : undefined;
            if (known === undefined) return client.query(statement, values);
            const name = planAnew(known, uses);
            return Promise.resolve(client.query({ name, text: statement, values })).catch((error: unknown) => {
              if (!isUnknownName(error)) throw error;
              stopNaming();
              // The statement did nothing, so it is sent again without a name. In a transaction this fails, and the
              // repository repeats the transaction.
              return Promise.resolve(client.query(statement, values)).catch(() => {
                throw error;
              });
            });
          },
          release: (destroy?: boolean | Error) => client.release(destroy),
        } as PostgresPoolClient;
        wrapped.set(client, named);
      }
      return named;
    },
    end: () => pool.end(),
  };
}

/** The wrapped connections, by their server processes. */
const connections = new Map<string, { readonly pool: NamedStatementsPool; readonly client: NamedStatementsClient }>();

/** Whether the loss of the connection with this server process is handled, so that it cannot end this process. */
export function hasErrorListener(pid: string | undefined): boolean {
  return pid !== undefined && connections.has(pid);
}

/** Whether a connection sends a statement without waiting for the one before: `pipeline: true` of node-postgres. */
export function isPipelined(pid: string): boolean {
  return connections.get(pid)?.client.pipeline === true;
}

/** The pool whose only connection the current handler holds. */
const heldPool = new AsyncLocalStorage<NamedStatementsPool>();

/**
 * Runs a handler. If it holds the only connection of the pool, taking a second one fails at once: the handler would
 * wait for itself. Only then is an async context used, because it costs time.
 */
export function runInOnlyConnection<Result>(pid: string | undefined, run: () => Result): Result {
  const pool = pid === undefined ? undefined : connections.get(pid)?.pool;
  return pool?.options?.max === 1 ? heldPool.run(pool, run) : run();
}

function assertNotHeld(pool: NamedStatementsPool): void {
  if (heldPool.getStore() !== pool) return;
  throw new DragonpayError(
    'pool-exhausted',
    'the method holds the only connection of the pool: use callback.trx for its queries, or enlarge the pool',
  );
}

/**
 * A name under which the server plans a statement anew at its 10th and its 1,000th use on a connection. The server keeps
 * a plan for all parameters although its tables grow. If it made the plan while they were nearly empty, it reads whole
 * tables until they are analyzed again. The server keeps all three plans, so there are not more of them.
 */
function planAnew(name: string, uses: Map<string, number>): string {
  const use = (uses.get(name) ?? 0) + 1;
  uses.set(name, use);
  return `${name}-${use < 10 ? 1 : use < 1_000 ? 2 : 3}`;
}

const ownStatement = /^\/\* (dragonpay-[a-z-]+) \*\//;

/**
 * Whether the server does not know a name, or knows it already. Both mean that a pooler shares the connection with
 * another client.
 */
export function isUnknownName(error: unknown): boolean {
  if (!(error instanceof Error && 'code' in error) || isRaisedInFunction(error)) return false;
  return error.code === '26000' || error.code === '42P05';
}

/**
 * Whether a function raised the error, such as that of a trigger: the server then says where. A function may raise any
 * code, so the code says nothing about the statement itself.
 */
export function isRaisedInFunction(error: unknown): boolean {
  return error instanceof Error && 'where' in error && typeof error.where === 'string';
}

const poolerWarning =
  'withNamedStatements stopped naming statements: a pooler between this process and PostgreSQL does not support ' +
  'prepared statements. Remove withNamedStatements, or set max_prepared_statements of PgBouncer 1.21 or later.';

/** The names by the text of their statements, because two repositories with different table names may share a pool. */
const names = new Map<string, string>();

/**
 * The maximum number of statements of other code that get a name. The server keeps each of them as long as the
 * connection.
 */
const mostForeign = 100;
let foreign = 0;

/** A text of other code gets a name only when it comes again: many texts may come just once. */
const seen = new RecentKeys(mostForeign);

/**
 * A statement without a result: with one, the named statement would fail after a change of its table. Only statements
 * with parameters are named, because a text without parameters may hold several statements.
 */
const foreignStatement = /^\s*(?:insert|update|delete)\b(?!.*\breturning\b)/is;

function nameOf(statement: string, values: readonly unknown[] = []): string | undefined {
  const known = names.get(statement);
  if (known !== undefined) return known;
  const own = ownStatement.exec(statement)?.[1];
  if (own === undefined) {
    if (foreign >= mostForeign || values.length === 0) return undefined;
    if (!seen.has(statement)) {
      if (foreignStatement.test(statement)) seen.add(statement);
      return undefined;
    }
    foreign++;
  }
  const name = `${own ?? 'dragonpay-other'}-${hash('sha1', statement).slice(0, 8)}`;
  names.set(statement, name);
  return name;
}
