import { createDragonpay, generateTxnId } from 'dragonpay-callback';
import { toExpressHandler } from 'dragonpay-callback/express';
import express from 'express';
import { CheckoutCallback } from './checkout-callback.js';
import { announce, openRepository, port, settings } from './support/demo-merchant.js';

const repository = await openRepository();
const { txnid } = await repository.createPayment({
  txnid: generateTxnId({ prefix: 'EX-' }),
  amount: '100.00',
  description: 'A book',
});
const dragonpay = createDragonpay({ ...settings, repository });

const app = express();
app.all('/dragonpay/callback', toExpressHandler(dragonpay.endpoint(CheckoutCallback)));
// Callbacks that came before their row are applied when it is there.
dragonpay.keepUp();
announce(app.listen(port, '127.0.0.1'), '/dragonpay/callback', { txnid, refno: 'R1', status: 'S', message: 'Paid' });
