import type { Status } from '../protocol/statuses.js';

/** Which of the values that came with a callback differ from the row's. */
export type Mismatch = 'amount' | 'currency' | 'refno';

/** Nothing was to be stored: a GET without `updateOnGet`, `saveData: false`, no repository, or an invalid callback. */
export interface SkippedUpdate {
  readonly outcome: 'skipped';
}

/** The status moved. */
export interface AppliedUpdate {
  readonly outcome: 'applied';
  readonly previous: Status;
  readonly current: Status;
  /** A failed, voided or expired payment was paid after all. */
  readonly late: boolean;
}

/** What the repository did with a verified callback, in the order in which it is decided. */
export type RecordedUpdate =
  /** The status letter is in no table: kept in the inbox, the row untouched. */
  | { readonly outcome: 'unrecognized' }
  /** No such row: kept in the inbox. */
  | { readonly outcome: 'not-found' }
  /** Amount, currency or refno differ from the row's: nothing changed, marked for review. */
  | { readonly outcome: 'mismatch'; readonly current: Status; readonly differs: readonly Mismatch[] }
  /** The row is there already. */
  | { readonly outcome: 'duplicate'; readonly current: Status }
  /** The row may not go there any more: nothing changed. */
  | { readonly outcome: 'stale'; readonly current: Status }
  | AppliedUpdate;

/** What became of the row. */
export type CallbackUpdate =
  | SkippedUpdate
  | RecordedUpdate
  /** The database failed or timed out: the answer is 503, and the callback is safe to send again. */
  | { readonly outcome: 'unstored' };

/** One word for what became of the row. */
export type UpdateOutcome = CallbackUpdate['outcome'];

/** The outcomes that the inbox records. */
export type RecordedOutcome = RecordedUpdate['outcome'];
