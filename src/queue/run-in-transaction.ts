import { CompiledQuery, type Transaction } from 'kysely';

/** Runs a statement of a queue in the transaction that a status is stored in, without the plugins of its Kysely. */
export async function runInTransaction(
  // biome-ignore lint/suspicious/noExplicitAny: any database will do
  trx: Transaction<any>,
  text: string,
  values: readonly unknown[],
): Promise<{ rows: unknown[] }> {
  const { rows } = await trx.withoutPlugins().executeQuery(CompiledQuery.raw(text, [...values]));
  return { rows };
}
