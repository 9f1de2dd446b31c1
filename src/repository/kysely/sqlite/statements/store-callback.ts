import type { CallbackKind } from '../../../../protocol/kinds.js';
import { decideUpdate, type MovableRow, reviewReasons } from '../../../decide-update.js';
import type { Move, MoveResult, Statements } from '../../dialect.js';
import { rowProtected } from '../../row-protected.js';
import type { SqlRunner } from '../../run-sql.js';
import { byKind, schema, tableOfKind } from '../../schema.js';
import type { QuotedTables } from '../../table-names.js';
import { isBusy } from '../errors.js';
import { now } from '../microseconds.js';
import { runNumbered } from '../run-numbered.js';
import { inTransaction, SqliteTransaction } from '../transaction.js';
import { type RecordedEvent, recordStatement } from './inbox.js';

/**
 * The statements that decide, move rows and record events: read the rows, move some of them, record all events. They
 * run in a transaction that has the write lock from its beginning, so the rows cannot change between them, and the
 * decision is made here.
 */
export function storeStatements(tables: QuotedTables): Pick<Statements, 'move' | 'beginWithMove'> {
  const texts = byKind((kind) => textsOf(kind, tables));
  const record = recordStatement(tables);

  async function settle(trx: SqlRunner, kind: CallbackKind, moves: readonly Move[]): Promise<Map<string, MoveResult>> {
    const ids = moves.map(({ callback }) => callback.id);
    const found = await runNumbered<FoundRow>(trx, texts[kind].read, [JSON.stringify(ids)]);
    const rows = new Map(found.map((row) => [row.id, row]));
    const results = new Map<string, MoveResult>();
    const moved: (readonly string[])[] = [];
    const expected = new Map<string, string>();
    const events: RecordedEvent[] = [];
    for (const { callback, held, startBy = Number.POSITIVE_INFINITY } of moves) {
      const { id, refno, status } = callback;
      // The callback waited too long for the write lock. It was answered already, so it must not be stored any more.
      if (performance.now() > startBy) continue;
      const row = rows.get(id);
      const update = decideUpdate(callback, row, row !== undefined && Number(row.shared) === 1);
      if (held && update.outcome === 'applied') {
        results.set(id, { state: 'movable' });
        continue;
      }
      results.set(id, { state: 'settled', update });
      if (update.outcome === 'applied') {
        moved.push([id, status, refno]);
        expected.set(id, `${row?.reached}${status}${status}`);
      }
      events.push({ callback, outcome: update.outcome, reasons: reviewReasons(update) });
    }
    if (moved.length > 0) await runNumbered(trx, texts[kind].move, [JSON.stringify(moved), now()]);
    const after = events.length > 0 ? await record.run(trx, events) : [];
    // A trigger may keep a row from moving, or move it back.
    const isKept = after.some(({ id, reached }) => expected.has(id) && reached !== expected.get(id));
    if (isKept) throw rowProtected(kind);
    return results;
  }

  return {
    async move(db, kind, moves) {
      try {
        return await inTransaction(db, (trx) => settle(trx, kind, moves));
      } catch (error) {
        // Another transaction has the write lock, and with it every row.
        if (isBusy(error)) return new Map();
        throw error;
      }
    },

    async beginWithMove(db, taken, callback) {
      const own = await SqliteTransaction.begin(db, taken);
      try {
        const results = await settle(own.plain, callback.kind, [{ callback, held: false }]);
        return { own, result: results.get(callback.id) ?? { state: 'busy' } };
      } catch (error) {
        await own.rollBack();
        throw error;
      }
    },
  };
}

interface FoundRow extends MovableRow {
  readonly id: string;
  /** For a payout, 1: a payment has the same id. */
  readonly shared: number | bigint;
}

function textsOf(kind: CallbackKind, tables: QuotedTables) {
  const table = tables[tableOfKind[kind]];
  const [key] = schema[tableOfKind[kind]].key;
  const shared = kind === 'payment' ? '0' : `exists (select 1 from ${tables.transactions} p where p.txnid = t.${key})`;
  return {
    read: `/* dragonpay-${kind}-read */ select ${key} as id, status, reached, refno, amount, currency, ${shared} as shared
from ${table} t where ${key} in (select value from json_each(?1))`,
    move: `/* dragonpay-${kind}-move */ update ${table} as t
set status = m.value ->> 1, reached = t.reached || (m.value ->> 1), refno = m.value ->> 2, modified_at = ?2
from json_each(?1) m where t.${key} = m.value ->> 0`,
  };
}
