import { CompiledQuery, type QueryResult } from 'kysely';

/** A transaction of Kysely, of whatever database, as far as a queue uses it. */
export interface QueueTransaction {
  withoutPlugins(): { executeQuery<Row>(query: CompiledQuery<Row>): Promise<QueryResult<Row>> };
}

/** Runs a statement of a queue in the transaction that a status is stored in, without the plugins of its Kysely. */
export async function runInTransaction(
  trx: QueueTransaction,
  text: string,
  values: readonly unknown[],
): Promise<{ rows: unknown[] }> {
  const { rows } = await trx.withoutPlugins().executeQuery(CompiledQuery.raw(text, [...values]));
  return { rows };
}
