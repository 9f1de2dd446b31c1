import type { Mismatch, RecordedUpdate } from '../../../../model/callback-update.js';
import type { Status } from '../../../../protocol/statuses.js';
import type { Move, MoveResult, Statements } from '../../dialect.js';
import { runSql } from '../../run-sql.js';
import { schema, tableOfKind } from '../../schema.js';
import { type QuotedTables, quoteName } from '../../table-names.js';
import { isRaisedInFunction } from '../named-statements.js';
import { boundOf, PostgresTransaction, type TransactionIdentity } from '../transaction.js';
import { asProtected, incomingColumns, incomingOf, newsColumns } from './incoming-callback.js';
import { type MoveRow, moveStatement, type StatementForm } from './move-statement.js';
import { newsStatement, readNews } from './news-statement.js';

/** Sends the statement that decides, moves the row and records the event, and reads what it returns. */
export function storeStatements(tables: QuotedTables): Pick<Statements, 'move' | 'beginWithMove' | 'isHidden'> {
  const textsOf = (form: StatementForm) => ({
    payment: moveStatement('payment', tables, form),
    payout: moveStatement('payout', tables, form),
  });
  const [many, one, own] = [textsOf('many'), textsOf('one'), textsOf('own')];
  const news = { payment: newsStatement('payment', tables), payout: newsStatement('payout', tables) };
  return {
    async move(db, kind, moves) {
      const [first, ...others] = moves.map(incomingOf);
      if (first !== undefined && others.length === 0) {
        try {
          return resultsOf(moves, await runSql<MoveRow>(db, one[kind], first));
        } catch (error) {
          throw asProtected(kind, error);
        }
      }
      return resultsOf(moves, await runSql<MoveRow>(db, many[kind], columnsOf(moves.map(incomingOf))));
    },

    async isHidden(db, kind, id) {
      const table = tables[tableOfKind[kind]];
      const [key] = schema[tableOfKind[kind]].key;
      const [security] = await runSql<{ isActive: boolean }>(
        db,
        `/* dragonpay-row-security */ select row_security_active($1::text) as "isActive"`,
        [table],
      );
      if (security?.isActive !== true) return false;
      const statement = `/* dragonpay-${kind}-lock */ select from ${table} where ${key} = $1 for no key update nowait`;
      const changeable = await runSql(db, statement, [id]).catch((error: unknown) => {
        if (isLockNotAvailable(error)) return undefined;
        throw error;
      });
      return changeable?.length === 0;
    },

    async beginWithMove(db, taken, callback, milliseconds) {
      const transaction = await PostgresTransaction.open(db, taken);
      try {
        const { kind } = callback;
        const incoming = incomingOf({ callback, held: false });
        const bound = boundOf(milliseconds);
        const parameters = [...incoming.slice(0, newsColumns), bound];
        const sent = runSql<{ news: string }>(transaction.plain, news[kind], parameters);
        const [[first]] = await Promise.all([sent, transaction.begun()]);
        const row =
          first === undefined
            ? // The row is locked, or it is not news, or it was not sure that BEGIN came first: the other statement decides,
              // after BEGIN.
              (await runSql<MoveRow & TransactionIdentity>(transaction.plain, own[kind], [...incoming, bound]))[0]
            : readNews(first.news);
        if (row !== undefined) transaction.identify(row);
        const result = row === undefined ? ({ state: 'busy' } as const) : toMoveResult(row, callback.status as Status);
        return { own: transaction, result };
      } catch (error) {
        await transaction.rollBack();
        throw isRecorded(error, tables) ? new RecordedMeanwhile(error) : asProtected(callback.kind, error);
      }
    },
  };
}

function columnsOf(rows: readonly (string | null)[][]): (string | null)[][] {
  return incomingColumns.map((_, column) => rows.map((row) => row[column] ?? null));
}

function resultsOf(moves: readonly Move[], rows: readonly MoveRow[]): ReadonlyMap<string, MoveResult> {
  const statuses = new Map(moves.map(({ callback: { id, status } }) => [id, status]));
  return new Map(rows.map((row) => [row.id, toMoveResult(row, statuses.get(row.id) as Status)]));
}

/** @param status the status that the callback brings */
function toMoveResult(row: Omit<MoveRow, 'id'>, status: Status): MoveResult {
  const current = row.previous as Status;
  switch (row.outcome) {
    case 'movable':
    case 'protected':
      return { state: row.outcome };
    case 'unrecognized':
    case 'not-found':
      return settled({ outcome: row.outcome });
    case 'mismatch':
      return settled({ outcome: row.outcome, current, differs: row.differs.split(',') as Mismatch[] });
    case 'duplicate':
    case 'stale':
      return settled({ outcome: row.outcome, current });
    case 'applied':
      return settled({ outcome: row.outcome, previous: current, current: status, late: row.late !== null });
  }
}

function settled(update: RecordedUpdate): MoveResult {
  return { state: 'settled', update };
}

/** Whether another transaction recorded the same event after this statement began, because it did not see the row. */
function isRecorded(error: unknown, { callbacks }: QuotedTables): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    error.code === '23505' &&
    !isRaisedInFunction(error) &&
    'table' in error &&
    callbacks.endsWith(quoteName(String(error.table)))
  );
}

/** An error with the code of a serialization failure, so that the callback is stored again. */
class RecordedMeanwhile extends Error {
  override readonly name = 'RecordedMeanwhile';
  readonly code = '40001';

  constructor(cause: unknown) {
    super('another transaction recorded the event at the same time', { cause });
  }
}

/** NOWAIT found the row locked. */
function isLockNotAvailable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '55P03';
}
