import type { FailureCode } from '../errors.js';

/** Why a callback is invalid: a code of the table of failures, the field it is about, and a sentence without values. */
export interface Issue {
  readonly code: FailureCode;
  /** The field's name on the wire, in lower case. */
  readonly field?: string;
  readonly message: string;
}
