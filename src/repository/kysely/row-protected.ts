import { DragonpayError } from '../../errors.js';
import type { CallbackKind } from '../../protocol/kinds.js';

/** The error of a row that the database does not let the repository change, although no transaction has it locked. */
export function rowProtected(kind: CallbackKind): DragonpayError {
  return new DragonpayError(
    'row-protected',
    `the ${kind} was not changed: a trigger returned null or other values, or row security hides it from changes`,
  );
}
