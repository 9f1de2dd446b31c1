import {
  type Callback,
  DragonpayCallback,
  OnGet,
  OnPost,
  OnStatus,
  reply,
  type StoredCallback,
} from 'dragonpay-callback';

/** One class, served alike by express.ts, koa.ts and node-http.ts. */
@DragonpayCallback()
export class CheckoutCallback {
  /** Once for each payment that becomes S, in the transaction that stores it. */
  @OnStatus('S')
  ship(callback: StoredCallback<'S'>) {
    console.log(`${callback.data.txnid} is paid: ship it`);
  }

  /** Every POST, also a repeated one. To return nothing answers `result=OK`, and 400 where the callback is invalid. */
  @OnPost()
  settle(callback: Callback) {
    if (callback.valid) console.log(`${callback.status} came, the outcome is ${callback.update.outcome}`);
    else console.log(`refused: ${callback.issues.map(({ code }) => code).join(', ')}`);
  }

  /** The payer's browser comes back: show what is stored, store nothing. */
  @OnGet()
  async show(callback: Callback) {
    const row = callback.valid ? await callback.stored() : undefined;
    if (row === undefined) return reply.html`<p>Please check your email.</p>`;
    return reply.html`<p>${row.description}: status ${row.status}</p>`;
  }
}
