import { DragonpayCallback, generateTxnId, OnStatus, type StoredCallback } from 'dragonpay-callback';
import { toExpressHandler } from 'dragonpay-callback/express';
import { DRAGONPAY, dragonpayModule } from 'dragonpay-callback/inversify';
import express from 'express';
import { Container, inject, injectable } from 'inversify';
import { announce, openRepository, port, settings } from './support/demo-merchant.js';

@injectable()
class Warehouse {
  reserve(txnid: string): void {
    console.log(`the warehouse packs ${txnid}`);
  }
}

@injectable()
@DragonpayCallback()
class CheckoutCallback {
  readonly #warehouse: Warehouse;

  constructor(@inject(Warehouse) warehouse: Warehouse) {
    this.#warehouse = warehouse;
  }

  @OnStatus('S')
  ship(callback: StoredCallback<'S'>) {
    this.#warehouse.reserve(callback.data.txnid);
  }
}

const repository = await openRepository();
const { txnid } = await repository.createPayment({ txnid: generateTxnId({ prefix: 'DI-' }), amount: '100.00' });

const container = new Container();
container.load(dragonpayModule({ ...settings, repository }));
container.bind(Warehouse).toSelf().inSingletonScope();
container.bind(CheckoutCallback).toSelf();

const app = express();
const dragonpay = container.get(DRAGONPAY.Dragonpay);
app.all('/dragonpay/callback', toExpressHandler(dragonpay.endpoint(CheckoutCallback)));
announce(app.listen(port, '127.0.0.1'), '/dragonpay/callback', { txnid, refno: 'R1', status: 'S', message: 'Paid' });
