import type { CallbackKind } from '../../../../protocol/kinds.js';
import type { Statements } from '../../dialect.js';
import { rowProtected } from '../../row-protected.js';
import { byKind, camelCase, schema, tableOfKind } from '../../schema.js';
import { toRow, valuesOf } from '../../stored-values.js';
import type { QuotedTables } from '../../table-names.js';
import { now } from '../microseconds.js';
import { runNumbered } from '../run-numbered.js';

type StoredRow = Readonly<Record<string, unknown>>;

/** The statements that insert and find a payment or a payout. */
export function rowStatements(tables: QuotedTables): Pick<Statements, 'insert' | 'find'> {
  const texts = byKind((kind) => textsOf(kind, tables));
  return {
    async insert(db, kind, row) {
      const { insert, inserted, find } = texts[kind];
      const time = now();
      const values = valuesOf(row, inserted, { createdAt: time, modifiedAt: time });
      const [stored] = await runNumbered<StoredRow>(db, insert, values);
      if (stored !== undefined) return toRow(kind, stored);
      const [taken] = await runNumbered<StoredRow>(db, find, [row.id]);
      if (taken === undefined) throw rowProtected(kind);
      return undefined;
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
