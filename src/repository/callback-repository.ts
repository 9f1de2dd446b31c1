import type { AppliedUpdate, RecordedUpdate } from '../model/callback-update.js';
import type { PaymentRow, PayoutRow } from '../model/rows.js';
import type { VerifiedCallback } from '../model/verified-callback.js';

/** Work that commits or rolls back together with a move. */
export interface StatusEffect<Trx = unknown> {
  /** How long `run` may take, in milliseconds. It rejects by itself after that. */
  readonly milliseconds: number;
  /**
   * Called once for each attempt, only if the status moves, inside the transaction that moves it.
   * @param isQuerying tells whether a query of `trx` is running. The error of a missed deadline says it
   */
  run(update: AppliedUpdate, trx: Trx, isQuerying?: () => boolean): Promise<void>;
}

/**
 * The port: stores verified callbacks. To write your own repository, implement these three methods and run the
 * conformance suite of `dragonpay-callback/testing`.
 */
export interface CallbackRepository<Trx = unknown> {
  /**
   * Moves the row if the status machine allows it, and records the event: atomically, durably and once, whatever
   * arrives at the same time. An `effect` runs between the move and the commit.
   *
   * Rejects unless the callback is known to be stored: with the error of `effect.run` after a rollback, or with the
   * error of the database. It must then be safe to call it again.
   * @param options.milliseconds how long the caller waits. A callback that was not sent to the database by then should
   *   not be sent afterwards
   */
  store(
    callback: VerifiedCallback,
    effect?: StatusEffect<Trx>,
    options?: { readonly milliseconds?: number },
  ): Promise<RecordedUpdate>;

  /** The payment with this `txnid`, through `trx` as that transaction sees it. An id that no row can have finds nothing. */
  findPayment(txnid: string, options?: { trx?: Trx }): Promise<PaymentRow | undefined>;

  /** The payout with this `merchantTxnId`, through `trx` as that transaction sees it. */
  findPayout(merchantTxnId: string, options?: { trx?: Trx }): Promise<PayoutRow | undefined>;
}
