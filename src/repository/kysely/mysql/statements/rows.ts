import { CompiledQuery } from 'kysely';
import type { NewRow } from '../../../../model/new-row.js';
import type { PaymentRow, PayoutRow } from '../../../../model/rows.js';
import { type CallbackKind, callbackKinds } from '../../../../protocol/kinds.js';
import type { Statements } from '../../dialect.js';
import { runSql } from '../../run-sql.js';
import { type ColumnUse, camelCase, schema, tableOfKind } from '../../schema.js';
import { toDate } from '../../stored-values.js';
import type { QuotedTables } from '../../table-names.js';
import { inMicroseconds } from '../microseconds.js';

type StoredRow = Readonly<Record<string, string | null>>;

/** The statements that insert and find a payment or a payout. */
export function rowStatements(tables: QuotedTables): Pick<Statements, 'insert' | 'find'> {
  const texts = Object.fromEntries(callbackKinds.map((kind) => [kind, textsOf(kind, tables)])) as Record<
    CallbackKind,
    ReturnType<typeof textsOf>
  >;
  const find: Statements['find'] = async (db, kind, id) => {
    const [stored] = await runSql<StoredRow>(db, texts[kind].find, [id]);
    return stored && toRow(kind, stored);
  };
  return {
    find,
    async insert(db, kind, row) {
      const { insert, inserted } = texts[kind];
      const values = valuesOf(row, inserted);
      const { insertId } = await db.executeQuery(CompiledQuery.raw(insert, [values]));
      return insertId === undefined ? find(db, kind, row.id) : undefined;
    },
  };
}

function textsOf(kind: CallbackKind, tables: QuotedTables) {
  const { columns, key } = schema[tableOfKind[kind]];
  const table = tables[tableOfKind[kind]];
  const read = Object.entries(columns)
    .filter(([, use]) => use !== 'internal')
    .map(([column, use]) => `${readAsText(column, use)} as ${camelCase(column)}`)
    .join(', ');
  const inserted = Object.keys(columns).filter((column) => !['time', 'internal'].includes(columns[column] ?? ''));
  return {
    inserted,
    // No error where the id is taken: in a transaction of a handler, an error would end it. The insert id tells.
    insert: `/* dragonpay-${kind}-insert */ insert into ${table} (${inserted.join(', ')}) values (?)
on duplicate key update status = if(last_insert_id(1), status, status)`,
    find: `/* dragonpay-${kind}-find */ select ${read} from ${table} where ${key.join(', ')} = ?`,
  };
}

/** Values as text: settings of the pool (numbers for decimals, dates as strings) must not change them. */
function readAsText(column: string, use: ColumnUse): string {
  if (use === 'time') return inMicroseconds(column);
  return use === 'decimal' ? `cast(${column} as char)` : column;
}

function valuesOf({ texts, ...row }: NewRow, columns: readonly string[]): unknown[] {
  const values: Readonly<Record<string, unknown>> = { ...texts, ...row, txnid: row.id, merchantTxnId: row.id };
  return columns.map((column) => values[camelCase(column)]);
}

function toRow(kind: CallbackKind, stored: StoredRow): PaymentRow | PayoutRow {
  const row: Record<string, unknown> = { ...stored };
  for (const [column, use] of Object.entries(schema[tableOfKind[kind]].columns)) {
    const name = camelCase(column);
    if (use === 'time') row[name] = toDate(stored[name] ?? '');
  }
  return { ...row, reached: [...(stored.reached ?? '')] } as unknown as PaymentRow | PayoutRow;
}
