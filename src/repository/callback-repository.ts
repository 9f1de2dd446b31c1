import type { AppliedUpdate, RecordedUpdate } from '../model/callback-update.js';
import type { PaymentRow, PayoutRow } from '../model/rows.js';
import type { VerifiedCallback } from '../model/verified-callback.js';

/** Work that commits, or rolls back, together with a move. */
export interface StatusEffect<Trx = unknown> {
  /** How long `run` may take, in milliseconds. It rejects by itself when the time is over. */
  readonly milliseconds: number;
  /** Called once for each attempt, only when the status moves, inside the transaction that moves it. */
  run(update: AppliedUpdate, trx: Trx): Promise<void>;
}

/**
 * The port: where verified callbacks go. Write another in a page, and let the conformance suite of
 * `dragonpay-callback/testing` say whether it is right.
 */
export interface CallbackRepository<Trx = unknown> {
  /**
   * Moves the row if the status machine lets it, and remembers the event: atomically, durably, and never twice,
   * whatever arrives at the same time. With an `effect`, that runs between the move and the commit.
   *
   * Rejects when nothing is known to be stored: with what `effect.run` rejected with after rolling back, or with the
   * database's error. It must then be safe to call again.
   */
  store(callback: VerifiedCallback, effect?: StatusEffect<Trx>): Promise<RecordedUpdate>;

  /** The payment with this `txnid`, through `trx` as that transaction sees it. */
  findPayment(txnid: string, options?: { trx?: Trx }): Promise<PaymentRow | undefined>;

  /** The payout with this `merchantTxnId`, through `trx` as that transaction sees it. */
  findPayout(merchantTxnId: string, options?: { trx?: Trx }): Promise<PayoutRow | undefined>;
}
