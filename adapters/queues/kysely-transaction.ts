import { CompiledQuery, type Kysely, type QueryResult, sql } from 'kysely';

/** The part of Kysely's transaction that a queue uses. */
export interface QueueTransaction {
  withoutPlugins(): { executeQuery<Row>(query: CompiledQuery<Row>): Promise<QueryResult<Row>> };
}

/**
 * Runs a statement of a queue in the transaction that stores the status, without the plugins of its Kysely.
 * @throws Error if the database is not PostgreSQL, where these queues have their tables
 */
export async function runInTransaction(
  trx: QueueTransaction,
  text: string,
  values: readonly unknown[],
): Promise<{ rows: unknown[] }> {
  const plain = trx.withoutPlugins();
  // Each database writes a parameter in its own way.
  if (sql`${0}`.compile(plain as Kysely<unknown>).sql !== '$1') {
    throw new Error('pg-boss and Graphile Worker need PostgreSQL: pass a JobQueue of your own as queue');
  }
  const { rows } = await plain.executeQuery(CompiledQuery.raw(text, [...values]));
  return { rows };
}
