import type { NewRow } from '../../../../model/new-row.js';
import type { PaymentRow, PayoutRow } from '../../../../model/rows.js';
import { type CallbackKind, callbackKinds } from '../../../../protocol/kinds.js';
import type { Statements } from '../../dialect.js';

import { camelCase, schema, tableOfKind } from '../../schema.js';
import { toDate } from '../../stored-values.js';
import type { QuotedTables } from '../../table-names.js';
import { now } from '../microseconds.js';
import { runNumbered } from '../run-numbered.js';

type StoredRow = Readonly<Record<string, unknown>>;

/** The statements that insert and find a payment or a payout. */
export function rowStatements(tables: QuotedTables): Pick<Statements, 'insert' | 'find'> {
  const texts = Object.fromEntries(callbackKinds.map((kind) => [kind, textsOf(kind, tables)])) as Record<
    CallbackKind,
    ReturnType<typeof textsOf>
  >;
  return {
    async insert(db, kind, row) {
      const { insert, inserted } = texts[kind];
      const [stored] = await runNumbered<StoredRow>(db, insert, valuesOf(row, inserted));
      return stored && toRow(kind, stored);
    },
    async find(db, kind, id) {
      const [stored] = await runNumbered<StoredRow>(db, texts[kind].find, [id]);
      return stored && toRow(kind, stored);
    },
  };
}

function textsOf(kind: CallbackKind, tables: QuotedTables) {
  const { columns, key } = schema[tableOfKind[kind]];
  const table = tables[tableOfKind[kind]];
  const visible = Object.keys(columns).filter((column) => columns[column] !== 'internal');
  const read = visible.map((column) => `${column} as "${camelCase(column)}"`).join(', ');
  return {
    inserted: visible,
    insert: `/* dragonpay-${kind}-insert */ insert into ${table} (${visible.join(', ')})
values (${visible.map((_, index) => `?${index + 1}`).join(', ')})
on conflict (${key.join(', ')}) do nothing
returning ${read}`,
    find: `/* dragonpay-${kind}-find */ select ${read} from ${table} where ${key.join(', ')} = ?1`,
  };
}

function valuesOf({ texts, ...row }: NewRow, columns: readonly string[]): unknown[] {
  const time = now();
  const values: Readonly<Record<string, unknown>> = {
    ...texts,
    ...row,
    txnid: row.id,
    merchantTxnId: row.id,
    createdAt: time,
    modifiedAt: time,
  };
  return columns.map((column) => values[camelCase(column)]);
}

function toRow(kind: CallbackKind, stored: StoredRow): PaymentRow | PayoutRow {
  const row: Record<string, unknown> = {};
  for (const [column, use] of Object.entries(schema[tableOfKind[kind]].columns)) {
    const name = camelCase(column);
    if (use !== 'internal') row[name] = use === 'time' ? toDate(stored[name]) : stored[name];
  }
  return { ...row, reached: [...String(row.reached)] } as unknown as PaymentRow | PayoutRow;
}
