import type { RecordedUpdate } from '../model/callback-update.js';
import type {
  EventKey,
  InboxEvent,
  KeptEvent,
  PaymentDetails,
  PaymentRow,
  PayoutDetails,
  PayoutRow,
} from '../model/rows.js';
import type { VerifiedCallback } from '../model/verified-callback.js';
import type { CallbackKind } from '../protocol/kinds.js';
import type { CallbackRepository } from './callback-repository.js';
import type { Change, Correction, CorrectionOptions } from './correction.js';
import type { InboxFilter } from './inbox-page.js';

/** A payment that one process may ask the gateway about, until its lease is over. */
export interface InquiryClaim {
  readonly txnid: string;
  /** Tells this claim from a later one of the same payment. Opaque. */
  readonly lease: string;
}

/**
 * The methods that `reconcile()` needs in addition to the port. A claim holds no transaction open, and the lease of a
 * process that died runs out by itself.
 */
export interface ReconcilableRepository {
  /**
   * Claims the open payment (status P, U or A) whose last callback or inquiry is the oldest, and at least `olderThan`
   * ago. Two claims never hold the same payment, also with many processes. A claim that ends further ahead than an hour
   * and ten leases holds nothing: the clock was wrong when it was made.
   * @param options.olderThan milliseconds
   * @param options.lease how long the claim holds, in milliseconds
   */
  claimOpenPayment(options: { readonly olderThan: number; readonly lease: number }): Promise<InquiryClaim | undefined>;

  /** Claims a payment by its id, in any status. `held`: another claim or a transaction holds it at the moment. */
  claimPayment(txnid: string, options: { readonly lease: number }): Promise<InquiryClaim | 'held' | 'not-found'>;

  /** Ends a claim after the inquiry. Does nothing if the lease ran out and another claim holds the payment. */
  finishInquiry(claim: InquiryClaim): Promise<void>;
}

/** Whether a repository has the methods for `reconcile()`. */
export function isReconcilable(repository: object): repository is ReconcilableRepository {
  return hasMethods(repository, ['claimOpenPayment', 'claimPayment', 'finishInquiry']);
}

/** The methods that `replay()` needs in addition to the port. */
export interface ReplayableRepository {
  /** Finds the event with this key. Corrections by hand are not found. */
  findEvent(key: EventKey): Promise<KeptEvent | undefined>;
  /** Records an event that was rolled back because its `@OnStatus` method failed. An applied event stays applied. */
  recordFailure(callback: VerifiedCallback): Promise<void>;
}

/** Whether a repository has the methods for `replay()`. */
export function isReplayable(repository: object): repository is ReplayableRepository {
  return hasMethods(repository, ['findEvent', 'recordFailure']);
}

/** The method that `dragonpay.correct()` needs in addition to the port. */
export interface CorrectableRepository<Trx = unknown> {
  /**
   * Changes a row by hand, past the status machine: for a chargeback that was won or a mismatch that was settled.
   * Records the correction in the inbox with the reason `corrected`.
   * @param id the `txnid`, or with `kind: 'payout'` the `merchantTxnId`
   * @throws DragonpayError `invalid-details`, `not-found`; `unstored` if a transaction keeps the row locked for too long
   */
  correct(id: string, change: Change, options: CorrectionOptions<Trx>): Promise<Correction>;
}

/** Whether a repository has the method for `dragonpay.correct()`. */
export function isCorrectable(repository: object): repository is CorrectableRepository {
  return hasMethods(repository, ['correct']);
}

/**
 * The method that finds the callbacks that would move a row: `confirm` asks the gateway only about these. Without this
 * method, it asks about every callback.
 */
export interface ConfirmableRepository {
  /**
   * Stores a callback as `store` does, unless its status would move the row: then it stores nothing and resolves to
   * `movable`. The check and the storing are one atomic step, so a callback that was stored has moved no row.
   * @param options.milliseconds as in `store`
   */
  storeUnlessMovable(
    callback: VerifiedCallback,
    options?: { readonly milliseconds?: number },
  ): Promise<RecordedUpdate | 'movable'>;
}

/** Whether a repository can tell which callbacks would move a row. */
export function isConfirmable(repository: object): repository is ConfirmableRepository {
  return hasMethods(repository, ['storeUnlessMovable']);
}

/** The method that applies callbacks which came before their row, in addition to those for `replay()`. */
export interface CatchUpRepository extends ReplayableRepository {
  /**
   * Claims the oldest event that found no row (outcome `not-found`, or `failed` after that) and whose row exists now.
   * Two claims never hold events of the same row; an event is free again when its lease is over.
   * @param options.lease how long the claim holds, in milliseconds
   * @param options.kinds the kinds that the caller can handle
   */
  claimEarlyEvent(options: {
    readonly lease: number;
    readonly kinds: readonly CallbackKind[];
  }): Promise<EventKey | undefined>;
}

/** Whether a repository can apply callbacks that came before their row. */
export function canCatchUp(repository: object): repository is CatchUpRepository {
  return isReplayable(repository) && hasMethods(repository, ['claimEarlyEvent']);
}

/** Everything that a full repository has: the port, all capabilities, and the methods that a merchant calls. */
export interface MerchantRepository<Trx = unknown>
  extends CallbackRepository<Trx>,
    ReconcilableRepository,
    CatchUpRepository,
    CorrectableRepository<Trx>,
    ConfirmableRepository {
  /** @throws DragonpayError `invalid-details`, `already-exists` */
  createPayment(details: PaymentDetails, options?: { trx?: Trx }): Promise<PaymentRow>;
  /** @throws DragonpayError `invalid-details`, `already-exists` */
  createPayout(details: PayoutDetails, options?: { trx?: Trx }): Promise<PayoutRow>;
  /**
   * Reads a page of the inbox, the oldest events first. Proofs are redacted.
   * @throws DragonpayError `invalid-setting` for a filter that cannot match
   */
  callbacks(filter?: InboxFilter): Promise<InboxEvent[]>;
  /**
   * Deletes the events that were last seen before a time. Resolves to their number.
   * @throws DragonpayError `invalid-setting` for an invalid date
   */
  pruneCallbacks(before: Date): Promise<number>;
}

function hasMethods(repository: object, names: readonly string[]): boolean {
  return names.every((name) => typeof Reflect.get(repository, name) === 'function');
}
