import type { Kysely } from 'kysely';
import type { VerifiedCallback } from '../../../../model/verified-callback.js';
import type { CallbackKind } from '../../../../protocol/kinds.js';
import { decideUpdate, type MovableRow, reviewReasons } from '../../../decide-update.js';
import type { Move, MoveResult, Statements } from '../../dialect.js';
import { runSql, type SqlRunner } from '../../run-sql.js';
import { schema, tableOfKind } from '../../schema.js';
import type { QuotedTables } from '../../table-names.js';
import type { TakenConnection } from '../../take-connection.js';
import { inMicroseconds, now } from '../microseconds.js';
import { inTransaction, MysqlTransaction, threadId } from '../transaction.js';
import { type KnownEvent, type RecordedEvent, recordEvents } from './inbox.js';

/**
 * The statements that lock, move and record, between BEGIN and COMMIT: three for rows that move, two for rows that
 * stay. One transaction takes any number of callbacks, at most one for each id.
 *
 * - The locking read sees the newest version of a row. It skips locked rows: waiting would hold up a connection, and in
 *   a batch all other callbacks. The decision is that of `decideUpdate`.
 * - Without `force index`, the server would read, lock and wait for every row of a small table.
 * - A snapshot tells whether a row that could not be locked exists. If it does, its callback is busy and leaves no
 *   trace.
 * - No two transactions wait for each other: rows are not waited for, and events are recorded in the order of their
 *   ids. If the server finds a deadlock all the same, it rolls back, and the repository tries again.
 */
export function storeStatements(tables: QuotedTables): Pick<Statements, 'move' | 'beginWithMove'> {
  return {
    move: (db, kind, moves) => inTransaction(db, async (trx) => (await storeAll(trx, tables, kind, moves)).results),

    async beginWithMove<Database>(db: Kysely<Database>, taken: TakenConnection, callback: VerifiedCallback) {
      const own = await MysqlTransaction.open<Database>(db, taken);
      try {
        const { results, thread } = await storeAll(own.plain, tables, callback.kind, [{ callback, held: false }]);
        if (thread !== undefined) own.identify(thread);
        return { own, result: results.get(callback.id) ?? { state: 'busy' } };
      } catch (error) {
        await own.rollBack();
        throw error;
      }
    },
  };
}

async function storeAll(
  trx: SqlRunner,
  tables: QuotedTables,
  kind: CallbackKind,
  moves: readonly Move[],
): Promise<{ results: ReadonlyMap<string, MoveResult>; thread: string | undefined }> {
  const ids = moves.map(({ callback }) => callback.id);
  const { rows, seen, shared, events, thread } = await lockRows(trx, tables, kind, ids);
  const results = new Map<string, MoveResult>();
  const decided: RecordedEvent[] = [];
  const moved: MovedRow[] = [];
  for (const { callback, held, startBy = Number.POSITIVE_INFINITY } of moves) {
    const { id, status, refno } = callback;
    // The callback waited too long for a connection. It was answered already, so it must not be stored any more.
    if (performance.now() > startBy) continue;
    const row = rows.get(id);
    if (row === undefined && seen.has(id)) continue;
    const update = decideUpdate(callback, row, shared.has(id));
    if (update.outcome === 'applied' && held) {
      results.set(id, { state: 'movable' });
      continue;
    }
    results.set(id, { state: 'settled', update });
    const event = { callback, outcome: update.outcome, reasons: reviewReasons(update) };
    if (update.outcome === 'applied' && row !== undefined) {
      const reached = row.reached + status;
      moved.push({ id, status, refno, reached });
      decided.push({ ...event, reached });
    } else {
      decided.push(event);
    }
  }
  await moveRows(trx, tables, kind, moved);
  await recordEvents(trx, tables, decided, events);
  return { results, thread };
}

interface FoundRow extends MovableRow {
  readonly found: 'locked' | 'seen' | 'shared' | 'event';
  readonly id: string;
  readonly thread: string | null;
  readonly fingerprint: string;
  readonly first: string;
}

/** The result of {@link lockRows} for some ids. */
interface Locked {
  /** The rows that are locked now. */
  readonly rows: ReadonlyMap<string, MovableRow>;
  /** The ids that have a row, locked by this transaction or by another. */
  readonly seen: ReadonlySet<string>;
  /** For payouts: the ids that are also the id of a payment. */
  readonly shared: ReadonlySet<string>;
  /** The events of the ids, the oldest first. */
  readonly events: readonly KnownEvent[];
  /** The id of the connection; `undefined` if no row is locked. */
  readonly thread: string | undefined;
}

/** Locks the rows of some ids, except those that another transaction has locked. One statement. */
export async function lockRows(
  trx: SqlRunner,
  tables: QuotedTables,
  kind: CallbackKind,
  ids: readonly string[],
): Promise<Locked> {
  const table = tables[tableOfKind[kind]];
  const [key = ''] = schema[tableOfKind[kind]].key;
  const parts = [
    `select 'locked' as found, ${key} as id, status, reached, refno, cast(amount as char) as amount, currency,
  ${threadId} as thread, null as fingerprint, null as first
from ${table} force index (primary) where ${key} in (?) order by ${key} for update skip locked`,
    `select 'seen', ${key}, null, null, null, null, null, null, null, null from ${table} where ${key} in (?)`,
    `select 'event', id, status, null, refno, null, null, null, fingerprint, ${inMicroseconds('first_seen')}
from ${tables.callbacks} where id in (?) and kind = '${kind}' and correction = 0`,
    ...(kind === 'payout'
      ? [
          `select 'shared', txnid, null, null, null, null, null, null, null, null
from ${tables.transactions} where txnid in (?)`,
        ]
      : []),
  ];
  const statement = `/* dragonpay-${kind}-lock */ (${parts.join(')\nunion all\n(')})`;
  const found = await runSql<FoundRow>(
    trx,
    statement,
    parts.map(() => ids),
  );
  const that = (how: FoundRow['found']) => found.filter((row) => row.found === how);
  const idsOf = (how: FoundRow['found']) => new Set(that(how).map(({ id }) => id));
  const locked = that('locked');
  return {
    rows: new Map(locked.map((row) => [row.id, row])),
    seen: idsOf('seen'),
    shared: idsOf('shared'),
    events: that('event')
      .map(({ id, refno, status, fingerprint, first }) => ({
        kind,
        id,
        refno: refno ?? '',
        status,
        fingerprint,
        first,
      }))
      .sort((one, other) => Number(one.first) - Number(other.first)),
    thread: locked[0]?.thread ?? undefined,
  };
}

interface MovedRow extends Pick<MovableRow, 'status' | 'reached'> {
  readonly id: string;
  readonly refno: string;
}

/** Moves locked rows. */
async function moveRows(
  trx: SqlRunner,
  tables: QuotedTables,
  kind: CallbackKind,
  moved: readonly MovedRow[],
): Promise<void> {
  if (moved.length === 0) return;
  const [key = ''] = schema[tableOfKind[kind]].key;
  const parameters: unknown[] = [];
  const byKey = (column: 'status' | 'reached' | 'refno') => {
    for (const row of moved) parameters.push(row.id, row[column]);
    return `${column} = case ${key}${' when ? then ?'.repeat(moved.length)} end`;
  };
  const values = (['status', 'reached', 'refno'] as const).map(byKey).join(', ');
  const statement = `/* dragonpay-${kind}-move */ update ${tables[tableOfKind[kind]]} force index (primary)
set ${values}, modified_at = ${now} where ${key} in (?)`;
  await runSql(trx, statement, [...parameters, moved.map(({ id }) => id)]);
}
