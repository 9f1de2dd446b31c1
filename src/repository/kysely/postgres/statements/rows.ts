import type { CallbackKind } from '../../../../protocol/kinds.js';
import type { Statements } from '../../dialect.js';
import { rowProtected } from '../../row-protected.js';
import { runSql } from '../../run-sql.js';
import { byKind, type ColumnUse, camelCase, schema, tableOfKind } from '../../schema.js';
import { toRow, valuesOf } from '../../stored-values.js';
import type { QuotedTables } from '../../table-names.js';
import { inMicroseconds } from '../microseconds.js';

type StoredRow = Readonly<Record<string, string | null>>;

/** The statements that insert and find a payment or a payout. */
export function rowStatements(tables: QuotedTables): Pick<Statements, 'insert' | 'find'> {
  const texts = byKind((kind) => textsOf(kind, tables));
  return {
    async insert(db, kind, row) {
      const { insert, inserted, find } = texts[kind];
      const [stored] = await runSql<StoredRow>(db, insert, valuesOf(row, inserted));
      if (stored !== undefined) return toRow(kind, stored);
      const [taken] = await runSql<StoredRow>(db, find, [row.id]);
      if (taken === undefined) throw rowProtected(kind);
      return undefined;
    },
    async find(db, kind, id) {
      const [stored] = await runSql<StoredRow>(db, texts[kind].find, [id]);
      return stored && toRow(kind, stored);
    },
  };
}

function textsOf(kind: CallbackKind, tables: QuotedTables) {
  const { columns, key } = schema[tableOfKind[kind]];
  const table = tables[tableOfKind[kind]];
  const read = Object.entries(columns)
    .filter(([, use]) => use !== 'internal')
    .map(([column, use]) => `${readAsText(column, use)} as "${camelCase(column)}"`)
    .join(', ');
  const inserted = Object.keys(columns).filter((column) => !['time', 'internal'].includes(columns[column] ?? ''));
  return {
    inserted,
    insert: `/* dragonpay-${kind}-insert */ insert into ${table} (${inserted.join(', ')})
values (${inserted.map((_, index) => `$${index + 1}`).join(', ')})
on conflict (${key.join(', ')}) do nothing
returning ${read}`,
    find: `/* dragonpay-${kind}-find */ select ${read} from ${table} where ${key.join(', ')} = $1`,
  };
}

/** Values as text: type parsers of the pool (floats for numeric, strings for dates) must not change them. */
function readAsText(column: string, use: ColumnUse): string {
  if (use === 'time') return inMicroseconds(column);
  return use === 'text' ? column : `${column}::text`;
}
