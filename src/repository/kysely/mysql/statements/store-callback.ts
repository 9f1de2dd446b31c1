import type { Kysely } from 'kysely';
import type { RecordedUpdate } from '../../../../model/callback-update.js';
import type { VerifiedCallback } from '../../../../model/verified-callback.js';
import type { CallbackKind } from '../../../../protocol/kinds.js';
import { decideUpdate, type MovableRow, reviewReasons } from '../../../decide-update.js';
import type { Move, MoveResult, Statements } from '../../dialect.js';
import { runSql, type SqlRunner } from '../../run-sql.js';
import { schema, tableOfKind } from '../../schema.js';
import type { QuotedTables } from '../../table-names.js';
import type { TakenConnection } from '../../take-connection.js';
import { now } from '../microseconds.js';
import { inTransaction, MysqlTransaction, threadId } from '../transaction.js';
import { keepWhatWasApplied } from './inbox.js';

/**
 * The statements that lock, decide, move and record, between BEGIN and COMMIT: three for rows that move, two for rows
 * that stay. One transaction takes any number of callbacks, at most one for each id.
 *
 * - The lock reads the newest version of a row, and nothing else is read from it. It skips locked rows: to wait would
 *   hold a connection, and in a batch all other callbacks. The decision is that of `decideUpdate`.
 * - Whether a row exists that could not be locked is read from a snapshot: such a callback is busy and leaves no trace.
 * - No two transactions wait for each other: rows are not waited for, and events are recorded in the order of their ids.
 *   Where the server finds a deadlock all the same, it rolls back, and the repository tries again.
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

/** A callback whose outcome is decided. */
interface Decided {
  readonly callback: VerifiedCallback;
  readonly update: RecordedUpdate;
}

async function storeAll(
  trx: SqlRunner,
  tables: QuotedTables,
  kind: CallbackKind,
  moves: readonly Move[],
): Promise<{ results: ReadonlyMap<string, MoveResult>; thread: string | undefined }> {
  const { rows, seen, shared, thread } = await lockRows(
    trx,
    tables,
    kind,
    moves.map(({ callback }) => callback.id),
  );
  const results = new Map<string, MoveResult>();
  const decided: Decided[] = [];
  for (const { callback, held } of moves) {
    const { id } = callback;
    const row = rows.get(id);
    if (row === undefined && seen.has(id)) continue;
    const update = decideUpdate(callback, row, shared.has(id));
    if (update.outcome === 'applied' && held) {
      results.set(id, { state: 'movable' });
    } else {
      results.set(id, { state: 'settled', update });
      decided.push({ callback, update });
    }
  }
  await moveRows(
    trx,
    tables[tableOfKind[kind]],
    kind,
    decided.flatMap(({ callback: { id, status, refno }, update }) => {
      const row = rows.get(id);
      return update.outcome === 'applied' && row ? [{ id, status, refno, reached: row.reached + status }] : [];
    }),
  );
  await recordEvents(trx, tables, decided);
  return { results, thread };
}

interface LockedRow extends MovableRow {
  readonly found: 'locked' | 'seen' | 'shared';
  readonly id: string;
  readonly thread: string | null;
}

/** What is known of some ids. */
interface Locked {
  /** The rows that are locked now. */
  readonly rows: ReadonlyMap<string, MovableRow>;
  /** The ids that have a row, locked by this transaction or by another. */
  readonly seen: ReadonlySet<string>;
  /** For payouts: the ids that a payment has, too. */
  readonly shared: ReadonlySet<string>;
  /** The id of the connection; `undefined` where nothing is locked. */
  readonly thread: string | undefined;
}

/** Locks the rows of some ids, except those that another transaction has locked. */
export async function lockRows(
  trx: SqlRunner,
  tables: QuotedTables,
  kind: CallbackKind,
  ids: readonly string[],
): Promise<Locked> {
  const table = tables[tableOfKind[kind]];
  const [key = ''] = schema[tableOfKind[kind]].key;
  const noValues = 'null, null, null, null, null, null';
  const shared = `
union all
(select 'shared', txnid, ${noValues} from ${tables.transactions} where txnid in (?))`;
  const statement = `/* dragonpay-${kind}-lock */
(select 'locked' as found, ${key} as id, status, reached, refno, cast(amount as char) as amount, currency,
  ${threadId} as thread
from ${table} where ${key} in (?) order by ${key} for update skip locked)
union all
(select 'seen', ${key}, ${noValues} from ${table} where ${key} in (?))${kind === 'payout' ? shared : ''}`;
  const found = await runSql<LockedRow>(trx, statement, kind === 'payout' ? [ids, ids, ids] : [ids, ids]);
  const idsOf = (how: LockedRow['found']) => new Set(found.filter((row) => row.found === how).map(({ id }) => id));
  const locked = found.filter((row) => row.found === 'locked');
  return {
    rows: new Map(locked.map((row) => [row.id, row])),
    seen: idsOf('seen'),
    shared: idsOf('shared'),
    thread: locked[0]?.thread ?? undefined,
  };
}

interface MovedRow extends Pick<MovableRow, 'status' | 'reached'> {
  readonly id: string;
  readonly refno: string;
}

/** Moves locked rows. */
async function moveRows(trx: SqlRunner, table: string, kind: CallbackKind, moved: readonly MovedRow[]): Promise<void> {
  if (moved.length === 0) return;
  const [key = ''] = schema[tableOfKind[kind]].key;
  const parameters: unknown[] = [];
  const valuesBy = (column: 'status' | 'reached' | 'refno') => {
    for (const row of moved) parameters.push(row.id, row[column]);
    return `case ${key}${' when ? then ?'.repeat(moved.length)} end`;
  };
  const set = (['status', 'reached', 'refno'] as const).map((column) => `${column} = ${valuesBy(column)}`).join(', ');
  const statement = `/* dragonpay-${kind}-move */ update ${table} set ${set}, modified_at = ${now} where ${key} in (?)`;
  await runSql(trx, statement, [...parameters, moved.map(({ id }) => id)]);
}

/** Records events. In the order of their ids, so that two transactions do not wait for each other. */
async function recordEvents(trx: SqlRunner, { callbacks }: QuotedTables, decided: readonly Decided[]): Promise<void> {
  if (decided.length === 0) return;
  const ordered = [...decided].sort((one, other) => (one.callback.id < other.callback.id ? -1 : 1));
  const values = ordered.map(({ callback, update }) => [
    callback.kind,
    callback.id,
    callback.refno,
    callback.status,
    update.outcome,
    reviewReasons(update).join(','),
    callback.proof.algorithm,
    callback.proof.keyId,
    callback.method ?? null,
    callback.raw(),
    callback.copies ?? 1,
  ]);
  const statement = `/* dragonpay-record */ insert into ${callbacks}
  (kind, id, refno, status, outcome, reasons, proof, key_id, method, raw, deliveries)
values ${values.map(() => '(?)').join(', ')}
${keepWhatWasApplied}`;
  await runSql(trx, statement, values);
}
