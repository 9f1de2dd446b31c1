import type { MigrationSteps } from '../dialect.js';
import type { TableNames } from '../table-names.js';
import { tables0001 } from './migrations/0001-tables.js';
import { inquiriesAndCorrections0002 } from './migrations/0002-inquiries-and-corrections.js';
import { earlyCallbacks0003 } from './migrations/0003-early-callbacks.js';
import { fingerprints0004 } from './migrations/0004-fingerprints.js';
import { forms0005 } from './migrations/0005-forms.js';
import { inboxWithoutChecks0006 } from './migrations/0006-inbox-without-checks.js';

/** The SQL of every migration, in order. */
export function migrationSteps(names: TableNames): MigrationSteps {
  return {
    '0001_tables': tables0001(names),
    '0002_inquiries_and_corrections': inquiriesAndCorrections0002(names),
    '0003_early_callbacks': earlyCallbacks0003(names),
    '0004_fingerprints': fingerprints0004(names),
    '0005_forms': forms0005(names),
    '0006_inbox_without_checks': inboxWithoutChecks0006(names),
  };
}
