import {
  type CallbackRepository,
  generateTxnId,
  type RecordedUpdate,
  type StatusEffect,
  type VerifiedCallback,
} from 'dragonpay-callback';
import { toExpressHandler } from 'dragonpay-callback/express';
import { DRAGONPAY, dragonpayModule } from 'dragonpay-callback/inversify';
import express from 'express';
import { Container } from 'inversify';
import { CheckoutCallback } from './checkout-callback.js';
import { announce, openRepository, port, settings } from './support/demo-merchant.js';

/** Wraps another repository, and logs an alert for payments that need review. */
class AlertingRepository implements CallbackRepository {
  readonly #inner: CallbackRepository;

  constructor(inner: CallbackRepository) {
    this.#inner = inner;
  }

  async store(callback: VerifiedCallback, effect?: StatusEffect): Promise<RecordedUpdate> {
    const update = await this.#inner.store(callback, effect);
    const { kind, id, status } = callback;
    if (update.outcome === 'mismatch') {
      console.log(`ALERT ${kind} ${id} ${status} differs in ${update.differs.join(', ')}`);
    }
    if (update.outcome === 'applied' && update.late) console.log(`ALERT ${kind} ${id} was paid late`);
    return update;
  }

  findPayment(...args: Parameters<CallbackRepository['findPayment']>) {
    return this.#inner.findPayment(...args);
  }

  findPayout(...args: Parameters<CallbackRepository['findPayout']>) {
    return this.#inner.findPayout(...args);
  }
}

const repository = await openRepository();
const { txnid } = await repository.createPayment({
  txnid: generateTxnId({ prefix: 'OWN-' }),
  amount: '100.00',
  description: 'A book',
});

const container = new Container();
container.load(dragonpayModule({ ...settings, repository }));
container.bind(CheckoutCallback).toSelf();
// Rebind it before the first get(DRAGONPAY.Dragonpay), because the receiver takes the repository then.
container.rebind(DRAGONPAY.Repository).toConstantValue(new AlertingRepository(repository));

const app = express();
const dragonpay = container.get(DRAGONPAY.Dragonpay);
app.all('/dragonpay/callback', toExpressHandler(dragonpay.endpoint(CheckoutCallback)));
announce(app.listen(port, '127.0.0.1'), '/dragonpay/callback', { txnid, refno: 'R1', status: 'S', message: 'Paid' });
