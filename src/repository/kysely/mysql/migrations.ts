import type { MigrationSteps } from '../dialect.js';
import type { TableNames } from '../table-names.js';
import { payments0001 } from './migrations/0001-payments.js';
import { payouts0002 } from './migrations/0002-payouts.js';
import { callbacks0003 } from './migrations/0003-callbacks.js';

/** The SQL of every migration, in order. */
export function migrationSteps(names: TableNames): MigrationSteps {
  return {
    '0001_payments': payments0001(names),
    '0002_payouts': payouts0002(names),
    '0003_callbacks': callbacks0003(names),
  };
}
