import { runSql, type SqlRunner } from '../run-sql.js';

/** A statement as it is sent: with `?` for each use of a parameter, and the numbers of the parameters in that order. */
interface Sent {
  readonly text: string;
  readonly order: readonly number[];
}

const known = new Map<string, Sent>();

/**
 * Sends one statement whose parameters are `?1`, `?2` and so on, each as often as it is needed. Resolves to its rows.
 * They are sent as `?`: better-sqlite3 takes a number for a name.
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
