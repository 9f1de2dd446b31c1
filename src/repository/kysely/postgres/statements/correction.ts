import { CompiledQuery, type Kysely } from 'kysely';
import type { CallbackKind } from '../../../../protocol/kinds.js';
import type { Status } from '../../../../protocol/statuses.js';
import {
  type Change,
  type Correction,
  type CorrectionOptions,
  correctedRow,
  correctionForm,
  nothingToCorrect,
} from '../../../correction.js';
import type { MovableRow } from '../../../decide-update.js';
import { toEventKey } from '../../../event-key.js';
import type { QuotedTables } from '../../table-names.js';

/** Corrects a row within a transaction, and writes it into the inbox. Waits for a callback that has the row. */
export async function correctRow<Database>(
  trx: Kysely<Database>,
  tables: QuotedTables,
  id: string,
  change: Change,
  options: CorrectionOptions,
): Promise<Correction> {
  const { kind = 'payment' } = options;
  const { table, key } = placeOf(tables, kind);
  async function run<Row>(name: string, statement: string, values: readonly unknown[]): Promise<Row[]> {
    const { rows } = await trx.executeQuery<Row>(
      CompiledQuery.raw(`/* dragonpay-${name} */ ${statement}`, [...values]),
    );
    return rows;
  }
  const [before] = await run<MovableRow>(
    'correct-lock',
    `select status::text as status, reached, refno, amount::text as amount, currency::text as currency
from ${table} where ${key} = $1 for no key update`,
    [id],
  );
  if (before === undefined) throw nothingToCorrect(kind);
  const after = correctedRow(before, change);
  await run(
    'correct',
    `update ${table} set status = $2, reached = $3, refno = $4, amount = $5::numeric, currency = $6, modified_at = now()
where ${key} = $1`,
    [id, after.status, after.reached, after.refno, after.amount, after.currency],
  );
  const refno = after.refno ?? '';
  // The row is locked: nobody else numbers its corrections.
  const [event] = await run<{ correction: string }>(
    'correct-event',
    `insert into ${tables.callbacks} (kind, id, refno, status, correction, outcome, reasons, proof, key_id, method, raw)
select $1::text, $2::text, $3::text, $4::text, 1 + (
    select coalesce(max(correction), 0) from ${tables.callbacks} where id = $2::text and kind = $1::text
  ), 'applied', '{corrected}', 'manual', $5::text, null, $6::text
returning correction::text as correction`,
    [kind, id, refno, after.status, options.by, correctionForm(before, after, options)],
  );
  return {
    previous: before.status as Status,
    current: after.status as Status,
    key: toEventKey({ kind, id, refno, status: after.status }, Number(event?.correction)),
  };
}

function placeOf(tables: QuotedTables, kind: CallbackKind): { table: string; key: string } {
  return kind === 'payment'
    ? { table: tables.transactions, key: 'txnid' }
    : { table: tables.payouts, key: 'merchant_txn_id' };
}
