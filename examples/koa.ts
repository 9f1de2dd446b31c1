import { createDragonpay, generateTxnId } from 'dragonpay-callback';
import { toKoaMiddleware } from 'dragonpay-callback/koa';
import Koa from 'koa';
import { CheckoutCallback } from './checkout-callback.js';
import { announce, openRepository, port, settings } from './support/demo-merchant.js';

const repository = await openRepository();
const { txnid } = await repository.createPayment({
  txnid: generateTxnId({ prefix: 'KOA-' }),
  amount: '100.00',
  description: 'A book',
});
const dragonpay = createDragonpay({ ...settings, repository });

const app = new Koa();
const callback = toKoaMiddleware(dragonpay.endpoint(CheckoutCallback));
app.use((ctx, next) => (ctx.path === '/dragonpay/callback' ? callback(ctx) : next()));
// Callbacks that came before their row are applied when it is there.
dragonpay.keepUp();
announce(app.listen(port, '127.0.0.1'), '/dragonpay/callback', { txnid, refno: 'R1', status: 'S', message: 'Paid' });
