import {
  type Callback,
  createDragonpay,
  DragonpayCallback,
  generateTxnId,
  OnPost,
  OnStatus,
  type StoredCallback,
} from 'dragonpay-callback';
import { toExpressHandler } from 'dragonpay-callback/express';
import express from 'express';
import { announce, openRepository, port, secretKey } from './support/demo-merchant.js';

@DragonpayCallback({ allowInvalidData: false })
class PayoutCallback {
  @OnStatus('S', { kind: 'payout' })
  sent({ data }: StoredCallback<'S', unknown, 'payout'>) {
    console.log(`${data.merchantTxnId} has been paid out`);
  }

  @OnStatus('F', 'V', { kind: 'payout' })
  returned({ data, status }: StoredCallback<'F' | 'V', unknown, 'payout'>) {
    console.log(`${data.merchantTxnId} came back with ${status}`);
  }

  /** With `allowInvalidData: false` it is never called for a forged callback. */
  @OnPost()
  settle(callback: Callback) {
    console.log(callback.update.outcome);
  }
}

const repository = await openRepository();
// Dragonpay returns the refno of a payout request. If it is stored, callbacks with another refno are not applied.
const { merchantTxnId } = await repository.createPayout({
  merchantTxnId: generateTxnId({ prefix: 'PO-' }),
  amount: '250.00',
  userName: 'Juan dela Cruz',
  procid: 'GCSH',
  refno: 'PR1',
});
const dragonpay = createDragonpay({
  merchantId: 'DEMO',
  environment: 'test',
  payout: { sha1: { secretKeys: [secretKey] } },
  repository,
});

const app = express();
app.all('/dragonpay/payout', toExpressHandler(dragonpay.endpoint(PayoutCallback, { kinds: ['payout'] })));
announce(app.listen(port, '127.0.0.1'), '/dragonpay/payout', {
  merchantTxnId,
  refno: 'PR1',
  status: 'S',
  message: 'Sent',
});
