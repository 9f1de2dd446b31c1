import { CompiledQuery, type QueryExecutor, type QueryResult } from 'kysely';

/** A Kysely or a transaction, of any database, as far as statements of this package use it. Without plugins. */
export interface SqlRunner {
  executeQuery<Row>(query: CompiledQuery<Row>): Promise<QueryResult<Row>>;
}

/** A Kysely, as far as statements of this package use it: they may take a connection, and begin a transaction. */
export interface SqlPool extends SqlRunner {
  getExecutor(): QueryExecutor;
}

/** Sends one statement. Resolves to its rows. */
export async function runSql<Row>(db: SqlRunner, statement: string, parameters: readonly unknown[]): Promise<Row[]> {
  const { rows } = await db.executeQuery(CompiledQuery.raw(statement, [...parameters]) as CompiledQuery<Row>);
  return rows;
}
