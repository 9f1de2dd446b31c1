import type { DatabaseConnection, QueryExecutor } from 'kysely';

/** A connection that was taken out of the pool. */
export interface TakenConnection {
  readonly connection: DatabaseConnection;
  readonly release: () => void;
}

/** Takes a connection out of the pool, until `release` is called. */
export function takeConnection(executor: QueryExecutor): Promise<TakenConnection> {
  return new Promise((resolve, reject) => {
    executor
      .provideConnection((connection) => new Promise<void>((release) => resolve({ connection, release })))
      .catch(reject);
  });
}
