import { correctedRow, correctionForm, nothingToCorrect, toCorrection } from '../../../correction.js';
import type { MovableRow } from '../../../decide-update.js';
import type { Statements } from '../../dialect.js';
import { inboxProtected, rowProtected } from '../../row-protected.js';
import { schema, tableOfKind } from '../../schema.js';
import type { QuotedTables } from '../../table-names.js';
import { now } from '../microseconds.js';
import { runNumbered } from '../run-numbered.js';
import { firstSeen } from './inbox.js';

/** The statements of a correction by hand. The transaction has the write lock: nothing changes between them. */
export function correctionStatements(tables: QuotedTables): Pick<Statements, 'correct'> {
  return {
    async correct(trx, id, change, options) {
      const { kind = 'payment', by } = options;
      const table = tables[tableOfKind[kind]];
      const [key] = schema[tableOfKind[kind]].key;
      const [before] = await runNumbered<MovableRow>(
        trx,
        `/* dragonpay-correct-lock */
select status, reached, refno, amount, currency from ${table} where ${key} = ?1`,
        [id],
      );
      if (before === undefined) throw nothingToCorrect(kind);
      const after = correctedRow(before, change);
      await runNumbered(
        trx,
        `/* dragonpay-correct */
update ${table} set status = ?2, reached = ?3, refno = ?4, amount = ?5, currency = ?6, modified_at = ?7
where ${key} = ?1`,
        [id, after.status, after.reached, after.refno, after.amount, after.currency, now()],
      );
      const seen = firstSeen(tables.callbacks, '?7', '?2', '?1');
      const [event] = await runNumbered<{ correction: number | bigint; row: string }>(
        trx,
        `/* dragonpay-correct-event */
insert into ${tables.callbacks}
  (kind, id, refno, status, correction, outcome, reasons, proof, key_id, method, raw, first_seen, last_seen)
select ?1, ?2, ?3, ?4, 1 + (
    select coalesce(max(correction), 0) from ${tables.callbacks} where id = ?2 and kind = ?1
  ), 'applied', '["corrected"]', 'manual', ?5, null, ?6, ${seen}, ${seen}
returning correction, (select r.reached || r.status from ${table} r where r.${key} = ?2) as row`,
        [kind, id, after.refno ?? '', after.status, by, correctionForm(before, after, options), now()],
      );
      if (event === undefined) throw inboxProtected();
      // A trigger may keep the row from changing, or change it back.
      if (event.row !== after.reached + after.status) throw rowProtected(kind);
      return toCorrection(kind, id, before, after, Number(event.correction));
    },
  };
}
