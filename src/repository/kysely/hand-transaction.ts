import { type Dialect, type Driver, type Kysely, Transaction } from 'kysely';
import type { GuardedConnection } from './guarded-connection.js';

/**
 * Makes the Kysely transaction that a handler works with, over its guarded connection and with the plugins of `db`. Its
 * `introspection` works outside of the transaction; savepoints are sent as SQL.
 */
export function handTransaction<Database>(db: Kysely<Database>, guard: GuardedConnection): Transaction<Database> {
  const dialect = { createIntrospector: () => db.introspection } as unknown as Dialect;
  const driver = {
    beginTransaction: async () => {
      throw new Error('a transaction cannot begin another one');
    },
  } as unknown as Driver;
  const executor = db.getExecutor().withConnectionProvider({ provideConnection: (consumer) => consumer(guard) });
  return new Transaction<Database>({ config: { dialect }, dialect, driver, executor });
}
