import { quoteTables, type TableNames } from '../../table-names.js';
import { quoteName } from '../quote-name.js';

/**
 * Migration 0004: the forms of deliveries that did not fit. Released migrations never change: the text is literal, and
 * test/repository/mysql/migrations.test.ts pins its hash.
 */
export function forms0004(names: TableNames): { up: string[]; down: string[] } {
  const { callbacks } = quoteTables(names, quoteName);
  return {
    up: [`alter table ${callbacks} add column forms mediumtext`],
    down: [`alter table ${callbacks} drop column forms`],
  };
}
