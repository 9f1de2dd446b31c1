import { DragonpayError } from '../../errors.js';
import type { CallbackKind } from '../../protocol/kinds.js';

/** The error of a row that the database does not let the repository change, although no transaction has it locked. */
export function rowProtected(kind: CallbackKind): DragonpayError {
  return new DragonpayError(
    'row-protected',
    `the ${kind} was not changed: a trigger returned null or other values, or row security hides it from changes`,
  );
}

/** The error of an event that the database does not let the repository record. */
export function inboxProtected(): DragonpayError {
  return new DragonpayError(
    'row-protected',
    'the event was not recorded: a trigger of the inbox skipped it or gave it another id',
  );
}
