import { DragonpayCallback, OnStatus } from '../../src/index.js';
import type { StoredCallback } from '../../src/kysely.js';
import type { StartContender } from '../contender.js';
import { type OrdersDatabase, serve } from './any-database.js';

/** The README's example: an order is marked as paid in the transaction that stores the status. */
@DragonpayCallback()
class CheckoutCallback {
  @OnStatus('S')
  async ship({ trx, data }: StoredCallback<'S', OrdersDatabase>): Promise<void> {
    await trx.updateTable('orders').set({ paid: true }).where('txnid', '=', data.txnid).execute();
  }
}

export const start: StartContender = (settings) => serve(settings, CheckoutCallback);
