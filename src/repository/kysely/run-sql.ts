import { CompiledQuery, type QueryExecutor, type QueryResult } from 'kysely';

/** What statements of this package use of a Kysely or a transaction, for any database. It must have no plugins. */
export interface SqlRunner {
  executeQuery<Row>(query: CompiledQuery<Row>): Promise<QueryResult<Row>>;
}

/** What statements of this package use of a Kysely. They may take a connection and begin a transaction. */
export interface SqlPool extends SqlRunner {
  getExecutor(): QueryExecutor;
}

/** Sends one statement. Resolves to its rows. */
export async function runSql<Row>(db: SqlRunner, statement: string, parameters: readonly unknown[]): Promise<Row[]> {
  const { rows } = await db.executeQuery(CompiledQuery.raw(statement, [...parameters]) as CompiledQuery<Row>);
  return rows;
}
