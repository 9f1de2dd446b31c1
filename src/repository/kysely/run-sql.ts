import { CompiledQuery, type QueryExecutor, type QueryResult } from 'kysely';

/**
 * The part of a Kysely or of a transaction that statements of this package use, for any database. It must have no
 * plugins.
 */
export interface SqlRunner {
  executeQuery<Row>(query: CompiledQuery<Row>): Promise<QueryResult<Row>>;
}

/** The part of a Kysely that statements of this package use if they take a connection or begin a transaction. */
export interface SqlPool extends SqlRunner {
  getExecutor(): QueryExecutor;
}

/** Sends one statement. Resolves to its rows. */
export async function runSql<Row>(db: SqlRunner, statement: string, parameters: readonly unknown[]): Promise<Row[]> {
  const { rows } = await db.executeQuery(CompiledQuery.raw(statement, [...parameters]) as CompiledQuery<Row>);
  return rows;
}
