import {
  type Callback,
  type CallbackReply,
  type CallbackRequest,
  DragonpayCallback,
  messageCode,
  OnDispatch,
  OnGet,
  OnPost,
  OnStatus,
  reply,
} from 'dragonpay-callback';
import type { StoredCallback } from 'dragonpay-callback/kysely';
import { sql } from 'kysely';
import type { Database } from './database.js';
import { messagePage } from './payment-page.js';

/** Handles all callbacks of the shop. */
@DragonpayCallback()
export class CheckoutCallback {
  /** Runs once for each paid payment, in the transaction that stores the status: either both happen or neither. */
  @OnStatus('S')
  async markPaid({ data, trx }: StoredCallback<'S', Database>) {
    await trx
      .updateTable('orders')
      .set({ paid_at: sql<Date>`current_timestamp` })
      .where('txnid', '=', data.txnid)
      .execute();
  }

  /** The money was returned, so the order is unpaid. */
  @OnStatus('R', 'K')
  async markUnpaid({ data, trx }: StoredCallback<'R' | 'K', Database>) {
    await trx.updateTable('orders').set({ paid_at: null }).where('txnid', '=', data.txnid).execute();
  }

  /** The channel is not covered by every proof. It is only shown to the payer. */
  @OnStatus('P')
  async noteChannel({ data, unsigned, trx }: StoredCallback<'P', Database>) {
    const channel = unsigned.procid ?? null;
    await trx.updateTable('orders').set({ channel }).where('txnid', '=', data.txnid).execute();
  }

  /**
   * F means that the payment failed, or that the payer cancelled it. The code of the message is a hint which of the two
   * it was. It only decides which text the payer sees.
   */
  @OnStatus('F')
  async noteCancelled({ data, trx }: StoredCallback<'F', Database>) {
    const cancelled = messageCode(data.message) === '107';
    await trx.updateTable('orders').set({ cancelled }).where('txnid', '=', data.txnid).execute();
  }

  /** Runs for every POST, including repeated and forged ones. The default reply is `result=OK`, or 400 to a forgery. */
  @OnPost()
  log(callback: Callback) {
    if (callback.valid) console.log(`  verified with ${callback.proof.algorithm}, key ${callback.proof.keyId}`);
  }

  /**
   * The payer's browser returns. It is redirected to a page without a proof in its address. That page shows the stored
   * payment, whatever the fields of this URL say.
   */
  @OnGet()
  show(callback: Callback) {
    if (!callback.valid) {
      const advice = 'The link was changed on its way. Please check your email.';
      return reply.html(messagePage('This link is not valid', advice), { status: 400 });
    }
    if (callback.kind === 'payout') return reply.html(messagePage('We do not know this payment', 'Please contact us.'));
    return reply.redirect(`/payments/${encodeURIComponent(callback.data.txnid)}`);
  }

  /** If a callback cannot be checked now, the payer gets a page. The default reply is a text for Dragonpay's server. */
  @OnDispatch()
  async explainFailure(request: CallbackRequest, next: () => Promise<CallbackReply>) {
    const answer = await next();
    if (request.method !== 'GET' || answer.status < 500) return answer;
    const advice = 'Please reload this page in a minute, or check your email.';
    return {
      ...answer,
      headers: { ...answer.headers, 'Content-Type': 'text/html; charset=utf-8' },
      body: messagePage('We cannot check your payment now', advice),
    };
  }
}

/** For a merchant whose postbacks come by GET: the same methods, and a GET updates the row too. */
@DragonpayCallback({ updateOnGet: true })
export class CheckoutCallbackOnGet extends CheckoutCallback {}
