import { DragonpayCallback, OnStatus, type Status, type StoredCallback as StoredAnywhere } from 'dragonpay-callback';
import type { StoredCallback } from 'dragonpay-callback/kysely';
import type { Transaction } from 'kysely';
import { type Equal, expectTrue, expectType } from './expect-type.js';

/** Compiled only: `callback.trx` is Kysely's transaction over the user's own tables. */
interface Database {
  readonly orders: { readonly txnid: string; readonly paid: boolean };
}

@DragonpayCallback()
export class CheckoutCallback {
  @OnStatus('S')
  async ship(callback: StoredCallback<'S', Database>) {
    expectTrue<Equal<typeof callback.trx, Transaction<Database>>>();
    expectType<'S'>(callback.status);
    await callback.trx.updateTable('orders').set({ paid: true }).where('txnid', '=', callback.data.txnid).execute();
    // @ts-expect-error there is no such table
    await callback.trx.updateTable('order').execute();
    // @ts-expect-error there is no such column
    await callback.trx.updateTable('orders').set({ payed: true }).execute();
    // @ts-expect-error the column is boolean
    await callback.trx.updateTable('orders').set({ paid: 'yes' }).execute();
    const rows = await callback.trx.selectFrom('orders').select('paid').execute();
    expectType<boolean | undefined>(rows[0]?.paid);
  }

  @OnStatus('F', 'V')
  async giveUp({ trx, status }: StoredCallback<'F' | 'V', Database>) {
    expectType<'F' | 'V'>(status);
    await trx.deleteFrom('orders').execute();
  }

  @OnStatus('G', 'H', { kind: 'payout' })
  async sent({ data }: StoredCallback<'G' | 'H', Database, 'payout'>) {
    expectType<string>(data.merchantTxnId);
  }

  @OnStatus('R')
  anyStatus(_callback: StoredCallback<Status, Database>) {}

  // @ts-expect-error the annotation excludes S
  @OnStatus('S') excluded(_callback: StoredCallback<'P', Database>) {}
  // @ts-expect-error the annotation excludes V
  @OnStatus('F', 'V') excludesOne(_callback: StoredCallback<'F', Database>) {}
  // @ts-expect-error the annotation is a payment's
  @OnStatus('S', { kind: 'payout' }) paymentAnnotation(_callback: StoredCallback<'S', Database>) {}
  // @ts-expect-error the annotation is a payout's
  @OnStatus('S') payoutAnnotation(_callback: StoredCallback<'S', Database, 'payout'>) {}
}

/** The type of the main entry is the same, with the transaction spelled out. */
expectTrue<Equal<StoredCallback<'S', Database>, StoredAnywhere<'S', Transaction<Database>>>>();

// @ts-expect-error there is no such status
export type NoStatus = StoredCallback<'X', Database>;
