import { type Callback, DragonpayCallback, OnGet, OnPost, OnStatus, reply } from 'dragonpay-callback';
import type { StoredCallback } from 'dragonpay-callback/kysely';
import type { Database } from './database.js';
import { isPayment, messagePage, returnPage } from './order-page.js';

/** Everything that the shop does with Dragonpay's callbacks. */
@DragonpayCallback()
export class CheckoutCallback {
  /** Once for each payment that is paid, in the database transaction that stores it: both happen, or neither. */
  @OnStatus('S')
  async markPaid({ data, trx }: StoredCallback<'S', Database>) {
    await trx.updateTable('orders').set({ paid_at: new Date() }).where('txnid', '=', data.txnid).execute();
  }

  /** The money went back: so does the order. */
  @OnStatus('R', 'K')
  async markUnpaid({ data, trx }: StoredCallback<'R' | 'K', Database>) {
    await trx.updateTable('orders').set({ paid_at: null }).where('txnid', '=', data.txnid).execute();
  }

  /** Every POST, also a repeated or a forged one. Returning nothing answers `result=OK`, or 400 to a forgery. */
  @OnPost()
  log(callback: Callback) {
    if (callback.valid) console.log(`  proved by ${callback.proof.algorithm}, key ${callback.proof.keyId}`);
  }

  /** The payer's browser comes back: show what is stored, whatever the URL says, and store nothing. */
  @OnGet()
  async show(callback: Callback) {
    if (!callback.valid) {
      const advice = 'It was changed on its way. Please check your email.';
      return reply.html(messagePage('This link cannot be read', advice), { status: 400 });
    }
    const row = await callback.stored();
    return reply.html(
      isPayment(row) ? returnPage(row) : messagePage('We do not know this payment', 'Please contact us.'),
    );
  }
}

/** For a merchant whose postbacks come by GET: the same methods, and a GET moves the row as well. */
@DragonpayCallback({ updateOnGet: true })
export class CheckoutCallbackOnGet extends CheckoutCallback {}
