import { createServer } from 'node:http';
import { createDragonpay, generateTxnId } from 'dragonpay-callback';
import { toNodeListener } from 'dragonpay-callback/node';
import { CheckoutCallback } from './checkout-callback.js';
import { announce, openRepository, port, settings } from './support/demo-merchant.js';

const repository = await openRepository();
const { txnid } = await repository.createPayment({
  txnid: generateTxnId({ prefix: 'WEB-' }),
  amount: '100.00',
  description: 'A book',
});
const dragonpay = createDragonpay({ ...settings, repository });

const callback = toNodeListener(dragonpay.endpoint(CheckoutCallback));
const server = createServer((request, response) => {
  if (request.url?.split('?', 1)[0] === '/dragonpay/callback') void callback(request, response);
  else response.writeHead(404).end();
});
// Callbacks that came before their row are applied when it is there.
dragonpay.keepUp();
announce(server.listen(port, '127.0.0.1'), '/dragonpay/callback', { txnid, refno: 'R1', status: 'S', message: 'Paid' });
