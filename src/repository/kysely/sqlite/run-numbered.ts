import { runSql, type SqlRunner } from '../run-sql.js';

/**
 * A statement as it is sent, with a `?` for each use of a parameter. For each `?`, it has the index of the parameter.
 */
interface Sent {
  readonly text: string;
  readonly order: readonly number[];
}

const known = new Map<string, Sent>();

/**
 * Sends one statement whose parameters are `?1`, `?2` and so on. A parameter may occur several times. Resolves to the
 * rows. Each is sent as `?`, because better-sqlite3 reads `?1` as a parameter with the name `1`.
 */
export function runNumbered<Row>(db: SqlRunner, statement: string, parameters: readonly unknown[]): Promise<Row[]> {
  let sent = known.get(statement);
  if (sent === undefined) {
    const order: number[] = [];
    const text = statement.replace(/\?(\d+)/g, (_, number: string) => {
      order.push(Number(number) - 1);
      return '?';
    });
    sent = { text, order };
    known.set(statement, sent);
  }
  const values = sent.order.map((index) => parameters[index]);
  return runSql<Row>(db, sent.text, values);
}
