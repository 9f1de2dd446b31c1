import { DragonpayError } from '../../../../errors.js';
import { correctedRow, correctionForm, nothingToCorrect, toCorrection } from '../../../correction.js';
import type { Statements } from '../../dialect.js';
import { runSql } from '../../run-sql.js';
import { schema, tableOfKind } from '../../schema.js';
import type { QuotedTables } from '../../table-names.js';
import { now } from '../microseconds.js';
import { appliedIf, asProtected } from './inbox.js';
import { lockRows } from './store-callback.js';

/** How long a correction waits before it tries again to lock the row, in milliseconds. */
const pauseMilliseconds = 50;

/** The statements of a correction by hand. */
export function correctionStatements(tables: QuotedTables): Pick<Statements, 'correct'> {
  return {
    async correct(trx, id, change, options, milliseconds) {
      const { kind = 'payment', by } = options;
      const table = tables[tableOfKind[kind]];
      const [key] = schema[tableOfKind[kind]].key;
      // Waits here and not in the server, which counts the wait for a lock in seconds and for the whole session.
      const giveUpAt = performance.now() + milliseconds;
      let { rows, seen } = await lockRows(trx, tables, kind, [id]);
      while (!rows.has(id) && seen.has(id)) {
        if (performance.now() > giveUpAt)
          throw new DragonpayError('unstored', `the ${kind} is locked by another transaction`);
        await new Promise((resolve) => setTimeout(resolve, pauseMilliseconds));
        ({ rows, seen } = await lockRows(trx, tables, kind, [id]));
      }
      const before = rows.get(id);
      if (before === undefined) throw nothingToCorrect(kind);
      const after = correctedRow(before, change);
      await runSql(
        trx,
        `/* dragonpay-correct */ update ${table}
set status = ?, reached = ?, refno = ?, amount = ?, currency = ?, modified_at = ${now} where ${key} = ?`,
        [after.status, after.reached, after.refno, after.amount, after.currency, id],
      );
      // The row is locked, so no other transaction numbers its corrections. A locking read sees the newest of them.
      const [last] = await runSql<{ correction: string }>(
        trx,
        `/* dragonpay-corrections */ select cast(coalesce(max(correction), 0) as char) as correction
from ${tables.callbacks} force index (primary) where id = ? and kind = ? for update`,
        [id, kind],
      );
      const correction = 1 + Number(last?.correction);
      const applied = appliedIf(tables, { ...after, kind, id }, after.reached);
      await runSql(
        trx,
        `/* dragonpay-correct-event */ insert into ${tables.callbacks}
  (kind, id, refno, status, correction, outcome, reasons, proof, key_id, method, raw)
values (?, ${applied.text}, 'corrected', 'manual', ?, null, ?)`,
        [
          [kind, id, after.refno ?? '', after.status, correction],
          ...applied.parameters,
          by,
          correctionForm(before, after, options),
        ],
      ).catch(asProtected(kind));
      return toCorrection(kind, id, before, after, correction);
    },
  };
}
