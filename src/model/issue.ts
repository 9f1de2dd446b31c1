import type { ReplyCode } from '../errors.js';

/** Why a callback is invalid. */
export interface Issue {
  readonly code: ReplyCode;
  /** The field's name on the wire, in lower case. */
  readonly field?: string;
  /** A sentence without values of fields. */
  readonly message: string;
}
