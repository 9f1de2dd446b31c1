import { quoteInSchema, quoteName, quoteTables, type TableNames, tableName } from '../../table-names.js';

/**
 * Migration 0003: claims of callbacks that came before their row. Released migrations never change: the text is
 * literal, and test/repository/postgres/migrations.test.ts pins its hash.
 */
export function earlyCallbacks0003(names: TableNames): { up: string[]; down: string[] } {
  const { callbacks } = quoteTables(names);
  const earlyIndex = `${tableName(names, 'callbacks')}_early`;
  return {
    up: [
      `alter table ${callbacks} add column claimed_until timestamptz`,
      `create index ${quoteName(earlyIndex)} on ${callbacks} (first_seen)
  where outcome in ('not-found', 'failed') and reasons @> '{not-found}'`,
    ],
    down: [`drop index ${quoteInSchema(names, earlyIndex)}`, `alter table ${callbacks} drop column claimed_until`],
  };
}
