import type { Status } from '../protocol/statuses.js';

/** A value of a callback that differs from the value of the row. */
export type Mismatch = 'amount' | 'currency' | 'refno';

/** Nothing was stored: a GET without `updateOnGet`, `saveData: false`, no repository, or an invalid callback. */
export interface SkippedUpdate {
  readonly outcome: 'skipped';
}

/** The status moved. */
export interface AppliedUpdate {
  readonly outcome: 'applied';
  readonly previous: Status;
  readonly current: Status;
  /** Whether a failed, voided or expired payment was paid after all. */
  readonly late: boolean;
}

/** The result of storing a verified callback. The first outcome that fits, in this order. */
export type RecordedUpdate =
  /** The status letter is unknown. The inbox records the callback; the row is unchanged. */
  | { readonly outcome: 'unrecognized' }
  /** No row has this id. The inbox records the callback. */
  | { readonly outcome: 'not-found' }
  /** The amount, currency or refno differs from the row. The row is unchanged; the event is marked for review. */
  | { readonly outcome: 'mismatch'; readonly current: Status; readonly differs: readonly Mismatch[] }
  /** The row has this status already. */
  | { readonly outcome: 'duplicate'; readonly current: Status }
  /** The row can no longer enter this status. It is unchanged. */
  | { readonly outcome: 'stale'; readonly current: Status }
  | AppliedUpdate;

/** The effect of a callback on its row. */
export type CallbackUpdate =
  | SkippedUpdate
  | RecordedUpdate
  /** The database failed or timed out. The answer is 503; sending the callback again is safe. */
  | { readonly outcome: 'unstored' };

/** An outcome, without its details. */
export type UpdateOutcome = CallbackUpdate['outcome'];

/** The outcomes that the inbox records. */
export type RecordedOutcome = RecordedUpdate['outcome'];
