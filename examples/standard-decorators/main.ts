import { createServer } from 'node:http';
import {
  type Callback,
  type CallbackReply,
  type CallbackRequest,
  createDragonpay,
  DragonpayCallback,
  generateTxnId,
  OnDispatch,
  OnGet,
  OnStatus,
  type StoredCallback,
} from 'dragonpay-callback';
import { toNodeListener } from 'dragonpay-callback/node';
import { announce, openRepository, port, settings } from '../support/demo-merchant.js';

/** The same decorators, in a folder whose tsconfig.json does not set `experimentalDecorators`. */
@DragonpayCallback({ allowInvalidData: false })
class CheckoutCallback {
  @OnStatus('S')
  ship(callback: StoredCallback<'S'>) {
    console.log(`${callback.data.txnid} is paid: ship it`);
  }

  @OnGet()
  async show(callback: Callback) {
    const row = callback.valid ? await callback.stored() : undefined;
    return row?.status === 'S' ? 'Transaction successful' : 'Please check your email';
  }

  /** Wraps every request, including refused ones. */
  @OnDispatch()
  async around(request: CallbackRequest, next: () => Promise<CallbackReply>) {
    const reply = await next();
    console.log(`${request.method} answered ${reply.status}`);
    return reply;
  }
}

const repository = await openRepository();
const { txnid } = await repository.createPayment({ txnid: generateTxnId({ prefix: 'STD-' }), amount: '100.00' });
const dragonpay = createDragonpay({ ...settings, repository });

const server = createServer(toNodeListener(dragonpay.endpoint(CheckoutCallback)));
announce(server.listen(port, '127.0.0.1'), '/', { txnid, refno: 'R1', status: 'S', message: 'Paid' });
