import { invalidSetting } from '../../../errors.js';
import type { MigrationSteps } from '../dialect.js';
import type { TableNames } from '../table-names.js';
import { payments0001 } from './migrations/0001-payments.js';
import { payouts0002 } from './migrations/0002-payouts.js';
import { callbacks0003 } from './migrations/0003-callbacks.js';
import { forms0004 } from './migrations/0004-forms.js';

/** The SQL of every migration, in order. @throws DragonpayError `invalid-setting` for a name with a `?` */
export function migrationSteps(names: TableNames): MigrationSteps {
  assertNoQuestionMark(names);
  return {
    '0001_payments': payments0001(names),
    '0002_payouts': payouts0002(names),
    '0003_callbacks': callbacks0003(names),
    '0004_forms': forms0004(names),
  };
}

/** mysql2 replaces each `?` by a parameter, also in a quoted name. @throws DragonpayError `invalid-setting` */
export function assertNoQuestionMark(names: TableNames): void {
  for (const option of ['schema', 'transactions', 'payouts', 'callbacks'] as const) {
    if (names[option]?.includes('?')) throw invalidSetting(option, 'must not contain ?');
  }
}
