import { correctedRow, correctionForm, nothingToCorrect, toCorrection } from '../../../correction.js';
import type { MovableRow } from '../../../decide-update.js';
import type { Statements } from '../../dialect.js';
import { inboxProtected, rowProtected } from '../../row-protected.js';
import { runSql } from '../../run-sql.js';
import { schema, tableOfKind } from '../../schema.js';
import type { QuotedTables } from '../../table-names.js';

/** The statements of a correction by hand. */
export function correctionStatements(tables: QuotedTables): Pick<Statements, 'correct'> {
  return {
    async correct(trx, id, change, options) {
      const { kind = 'payment', by } = options;
      const table = tables[tableOfKind[kind]];
      const [key] = schema[tableOfKind[kind]].key;
      const [before] = await runSql<MovableRow>(
        trx,
        `/* dragonpay-correct-lock */
select status::text as status, reached, refno, amount::text as amount, currency::text as currency
from ${table} where ${key} = $1 for no key update`,
        [id],
      );
      if (before === undefined) {
        const [hidden] = await runSql(trx, `/* dragonpay-correct-find */ select from ${table} where ${key} = $1`, [id]);
        throw hidden === undefined ? nothingToCorrect(kind) : rowProtected(kind);
      }
      const after = correctedRow(before, change);
      const [changed] = await runSql<{ status: string; reached: string }>(
        trx,
        `/* dragonpay-correct */
update ${table} set status = $2, reached = $3, refno = $4, amount = $5::numeric, currency = $6, modified_at = now()
where ${key} = $1 returning status::text as status, reached`,
        [id, after.status, after.reached, after.refno, after.amount, after.currency],
      );
      if (changed?.status !== after.status || changed.reached !== after.reached) throw rowProtected(kind);
      // The row is locked, so no other transaction numbers its corrections.
      const [event] = await runSql<{ correction: string }>(
        trx,
        `/* dragonpay-correct-event */
insert into ${tables.callbacks} (kind, id, refno, status, correction, outcome, reasons, proof, key_id, method, raw)
select $1::text, $2::text, $3::text, $4::text, 1 + (
    select coalesce(max(correction), 0) from ${tables.callbacks} where id = $2::text and kind = $1::text
  ), 'applied', '{corrected}', 'manual', $5::text, null, $6::text
returning correction::text as correction`,
        [kind, id, after.refno ?? '', after.status, by, correctionForm(before, after, options)],
      );
      if (event === undefined) throw inboxProtected();
      return toCorrection(kind, id, before, after, Number(event.correction));
    },
  };
}
