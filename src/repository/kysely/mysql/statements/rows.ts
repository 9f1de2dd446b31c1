import { CompiledQuery } from 'kysely';
import type { CallbackKind } from '../../../../protocol/kinds.js';
import type { Statements } from '../../dialect.js';
import { runSql } from '../../run-sql.js';
import { byKind, type ColumnUse, camelCase, schema, tableOfKind } from '../../schema.js';
import { toRow, valuesOf } from '../../stored-values.js';
import type { QuotedTables } from '../../table-names.js';
import { inMicroseconds } from '../microseconds.js';

type StoredRow = Readonly<Record<string, string | null>>;

/** The statements that insert and find a payment or a payout. */
export function rowStatements(tables: QuotedTables): Pick<Statements, 'insert' | 'find'> {
  const texts = byKind((kind) => textsOf(kind, tables));
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
    // A taken id is not an error here: an error would end the transaction of a handler. The insert id tells whether a
    // row was inserted.
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
