import type { RecordedUpdate } from '../model/callback-update.js';
import type { EventKey, KeptEvent } from '../model/rows.js';
import type { VerifiedCallback } from '../model/verified-callback.js';
import type { Change, Correction, CorrectionOptions } from './correction.js';

/** A payment that one process may ask the gateway about, until its lease is over. */
export interface InquiryClaim {
  readonly txnid: string;
  /** Tells this claim from a later one of the same payment. Opaque. */
  readonly lease: string;
}

/**
 * What `reconcile()` needs of a repository beside the port. Claims are short: none holds a transaction open, and the
 * lease of a process that died runs out by itself.
 */
export interface ReconcilableRepository {
  /**
   * Claims the open payment (P, U, A) that was longest without news or inquiry, if that is `olderThan` or more. Never
   * one that another claim holds, whatever the number of processes that ask.
   * @param options.olderThan milliseconds
   * @param options.lease how long the claim holds, in milliseconds
   */
  claimOpenPayment(options: { readonly olderThan: number; readonly lease: number }): Promise<InquiryClaim | undefined>;

  /** Claims a payment by its id, whatever its status. `held`: another claim, or a transaction, has it at the moment. */
  claimPayment(txnid: string, options: { readonly lease: number }): Promise<InquiryClaim | 'held' | 'not-found'>;

  /** Ends a claim: the payment was asked about now. Does nothing where the lease ran out and another claim has it. */
  finishInquiry(claim: InquiryClaim): Promise<void>;
}

/** Whether a repository can be reconciled. */
export function isReconcilable(repository: object): repository is ReconcilableRepository {
  return ['claimOpenPayment', 'claimPayment', 'finishInquiry'].every(
    (method) => typeof Reflect.get(repository, method) === 'function',
  );
}

/** What `replay()` needs of a repository beside the port. */
export interface ReplayableRepository {
  /** The event with this key; no correction is one. */
  findEvent(key: EventKey): Promise<KeptEvent | undefined>;
  /** Notes an event that was rolled back because its `@OnStatus` method failed: the outcome `failed`, until it succeeds. */
  recordFailure(callback: VerifiedCallback): Promise<void>;
}

/** Whether events of a repository can be replayed. */
export function isReplayable(repository: object): repository is ReplayableRepository {
  return ['findEvent', 'recordFailure'].every((method) => typeof Reflect.get(repository, method) === 'function');
}

/** What `dragonpay.correct()` needs of a repository beside the port. */
export interface CorrectableRepository<Trx = unknown> {
  /**
   * Changes a row by hand: the one way around the machine, for a chargeback that was won or a mismatch that was
   * settled. Recorded in the inbox with the reason `corrected`.
   * @param id the `txnid`, or with `kind: 'payout'` the `merchantTxnId`
   * @throws DragonpayError `invalid-details`, `not-found`; `unstored` where a callback keeps the row for too long
   */
  correct(id: string, change: Change, options: CorrectionOptions<Trx>): Promise<Correction>;
}

/** Whether rows of a repository can be corrected. */
export function isCorrectable(repository: object): repository is CorrectableRepository {
  return typeof Reflect.get(repository, 'correct') === 'function';
}

/** Beside the port, for `confirm`: without it every callback costs an inquiry, also one that changes nothing. */
export interface ConfirmableRepository {
  /**
   * Stores a callback as `store` does, unless its status would move the row: then it stores nothing and resolves to
   * `movable`. One atomic step: a callback that it stored has moved no row.
   */
  storeUnlessMovable(callback: VerifiedCallback): Promise<RecordedUpdate | 'movable'>;
}

/** Whether a repository can say which callbacks would move a row. */
export function isConfirmable(repository: object): repository is ConfirmableRepository {
  return typeof Reflect.get(repository, 'storeUnlessMovable') === 'function';
}
