import { invalidSetting } from '../../../errors.js';
import type { MigrationSteps } from '../dialect.js';
import type { TableNames } from '../table-names.js';
import { tables0001 } from './migrations/0001-tables.js';
import { forms0002 } from './migrations/0002-forms.js';

/** The SQL of every migration, in order. @throws DragonpayError `invalid-setting` for a schema */
export function migrationSteps(names: TableNames): MigrationSteps {
  assertNoSchema(names);
  return { '0001_tables': tables0001(names), '0002_forms': forms0002(names) };
}

/** @throws DragonpayError `invalid-setting` */
export function assertNoSchema({ schema }: TableNames): void {
  if (schema !== undefined) throw invalidSetting('schema', 'must be left out: SQLite has no schemas');
}
