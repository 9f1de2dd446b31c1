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

  /** Forgeries do not come here, with `allowInvalidData: false`; the type does not know it. */
  @OnPost()
  settle(callback: Callback) {
    console.log(callback.update.outcome);
  }
}

const repository = await openRepository();
// The refno is what Dragonpay answered the payout request with. Stored, it keeps other callbacks from passing for it.
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
