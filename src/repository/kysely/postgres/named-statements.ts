import { hash } from 'node:crypto';
import type { PostgresPool, PostgresPoolClient } from 'kysely';

/** A client of node-postgres, as far as it is used here. */
export interface NamedStatementsClient {
  // biome-ignore lint/suspicious/noExplicitAny: pg's own signatures take and give any
  query: (...args: any[]) => any;
  release: (destroy?: boolean | Error) => void;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** A pool of node-postgres, as far as it is used here. */
export interface NamedStatementsPool {
  connect(): Promise<NamedStatementsClient>;
  end(): Promise<void>;
  on?(event: 'connect', listener: (client: NamedStatementsClient) => void): unknown;
}

/**
 * Wraps a pool so that PostgreSQL parses and plans this package's own statements once a connection, not once a
 * callback. Kysely never names a statement; other statements pass through as they are.
 *
 * It also keeps a connection that dies in the middle of a transaction from ending the process: node-postgres emits
 * `error` on such a client, which nobody listens to while the client is out of the pool.
 *
 * Not for PgBouncer in transaction mode before version 1.21, or with `max_prepared_statements = 0`: a name is known
 * to one server connection only.
 *
 * @example
 * const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: withNamedStatements(new Pool()) }) });
 */
export function withNamedStatements(pool: NamedStatementsPool): PostgresPool {
  const wrapped = new WeakMap<object, PostgresPoolClient>();
  const heard = new WeakSet<object>();
  const hear = (client: NamedStatementsClient) => {
    if (heard.has(client)) return;
    heard.add(client);
    client.on('error', () => {});
  };
  // At once: that the server is ready, and that it goes down, may stand in the same packet.
  pool.on?.('connect', hear);
  return {
    async connect() {
      const client = await pool.connect();
      let named = wrapped.get(client);
      if (named === undefined) {
        hear(client);
        named = {
          query: (statement: unknown, values?: readonly unknown[]) => {
            const name = typeof statement === 'string' ? nameOf(statement) : undefined;
            return name === undefined
              ? client.query(statement, values)
              : client.query({ name, text: statement, values });
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

const ownStatement = /^\/\* (dragonpay-[a-z-]+) \*\//;

/** Names by text: two repositories with other table names may share a pool. There are a handful of own texts. */
const names = new Map<string, string>();

function nameOf(statement: string): string | undefined {
  const known = names.get(statement);
  if (known !== undefined) return known;
  const own = ownStatement.exec(statement)?.[1];
  if (own === undefined) return undefined;
  const name = `${own}-${hash('sha1', statement).slice(0, 8)}`;
  names.set(statement, name);
  return name;
}
