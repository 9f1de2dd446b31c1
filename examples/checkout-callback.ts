import {
  type Callback,
  DragonpayCallback,
  OnGet,
  OnPost,
  OnStatus,
  reply,
  type StoredCallback,
} from 'dragonpay-callback';

/** A handler that express.ts and custom-repository.ts serve. */
@DragonpayCallback()
export class CheckoutCallback {
  /** Runs once for each payment that becomes S, in the transaction that stores the status. */
  @OnStatus('S')
  ship(callback: StoredCallback<'S'>) {
    console.log(`${callback.data.txnid} is paid: ship it`);
  }

  /** Runs for every POST, also repeated ones. The default reply is `result=OK`, or 400 to an invalid callback. */
  @OnPost()
  settle(callback: Callback) {
    if (callback.valid) console.log(`received ${callback.status}, outcome: ${callback.update.outcome}`);
    else console.log(`refused: ${callback.issues.map(({ code }) => code).join(', ')}`);
  }

  /** The payer's browser returns. Show what is stored; a GET stores nothing. */
  @OnGet()
  async show(callback: Callback) {
    const row = callback.valid ? await callback.stored() : undefined;
    if (row === undefined) return reply.html`<p>Please check your email.</p>`;
    return reply.html`<p>${row.description}: status ${row.status}</p>`;
  }
}
