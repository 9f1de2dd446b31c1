import { quoteTables, type TableNames } from '../../table-names.js';

/**
 * Migration 0005: the forms of deliveries that did not fit. Released migrations never change: the text is literal, and
 * test/repository/postgres/migrations.test.ts pins its hash.
 */
export function forms0005(names: TableNames): { up: string[]; down: string[] } {
  const { callbacks } = quoteTables(names);
  return {
    up: [`alter table ${callbacks} add column forms text`],
    down: [`alter table ${callbacks} drop column forms`],
  };
}
