import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { PaymentRow } from 'dragonpay-callback';
import { openDatabase } from '../../examples/shop/database.js';
import { OrderBook } from '../../examples/shop/order-book.js';
import { paymentGateway } from '../../examples/shop/payment-gateway.js';
import { Shop } from '../../examples/shop/shop.js';
import { shopSettings } from '../../examples/shop/shop-settings.js';
import { makeDataFolder } from '../support/shop-process.js';

const row = { txnid: 'A/1', amount: '5.00', currency: 'PHP', description: 'ñ', email: 'a@b.c' } as PaymentRow;

/** Inquiries are tested with a whole shop in journey.test.ts. */
const dragonpay = { reconcile: () => Promise.reject(new Error('not asked for')) };

/** Requests the payment from a gateway with this listener. */
async function ask(listener: RequestListener): Promise<string | Error> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const shop = paymentGateway({ merchantId: 'ACME', environment: { gateway }, apiKey: 'a key' }, dragonpay);
  const answer = await shop?.createPayment(row).catch((error: Error) => error);
  server.close();
  return answer as string | Error;
}

/** The request must not follow a redirect, because the API key would go along. */
const redirect: RequestListener = ({ url }, response) => {
  if (url === '/elsewhere') response.end('{"Url":"https://pay.example/"}');
  else response.writeHead(307, { location: '/elsewhere' }).end();
};

describe('Payment request of the demo shop', () => {
  it('contains the payment and authenticates the merchant', async () => {
    let seen: object = {};
    const url = await ask(async (request, response) => {
      const body = JSON.parse(Buffer.concat(await request.toArray()).toString());
      seen = { method: request.method, url: request.url, authorization: request.headers.authorization, body };
      response.end(JSON.stringify({ RefNo: 'R1', Status: 'S', Message: '', Url: 'https://pay.example/?id=1' }));
    });
    expect(url).to.equal('https://pay.example/?id=1');
    expect(seen).to.deep.equal({
      method: 'POST',
      url: '/api/collect/v1/A%2F1/post',
      authorization: `Basic ${Buffer.from('ACME:a key').toString('base64')}`,
      body: { Amount: '5.00', Currency: 'PHP', Description: 'ñ', Email: 'a@b.c' },
    });
  });

  const refusals: [what: string, listener: RequestListener, message: RegExp][] = [
    ['an error', (_, response) => response.writeHead(401).end(), /^Dragonpay answers 401$/],
    [
      'no URL',
      (_, response) => response.end('{"Message":"no such currency"}'),
      /has no URL of a payment page: no such currency$/,
    ],
    [
      'a URL that is no web page',
      (_, response) => response.end('{"Url":"javascript:1"}'),
      /has no URL of a payment page/,
    ],
    ['a redirect', redirect, /does not answer/],
    ['a closed connection', (request) => request.socket.destroy(), /^Dragonpay does not answer: /],
  ];
  for (const [what, listener, message] of refusals) {
    it(`fails when Dragonpay answers with ${what}`, async () => {
      expect(await ask(listener))
        .to.be.an('error')
        .with.property('message')
        .which.matches(message);
    });
  }

  it('needs an API key and goes to the gateway of the environment', () => {
    expect(paymentGateway({ merchantId: 'ACME', environment: 'test' }, dragonpay)).to.equal(undefined);
    const origins = (['test', 'production'] as const).map((environment) => {
      return paymentGateway({ merchantId: 'ACME', environment, apiKey: 'a key' }, dragonpay)?.origin;
    });
    expect(origins).to.deep.equal(['https://test.dragonpay.ph', 'https://gw.dragonpay.ph']);
  });

  it('keeps the order pending when it fails, and tells the payer of no charge', async () => {
    const folder = await makeDataFolder();
    const { db, repository, close } = await openDatabase(shopSettings({ SHOP_DATA: folder }));
    const orders = new OrderBook(db, repository);
    const nobody = { merchantId: 'ACME', environment: { gateway: 'http://127.0.0.1:2' }, apiKey: 'a key' };
    const shop = new Shop(orders, paymentGateway(nobody, dragonpay), { url: 'http://127.0.0.1:3000', isSandbox: true });
    const { status, body } = await shop.answer({
      method: 'POST',
      path: '/checkout',
      query: new URLSearchParams(),
      headers: { host: '127.0.0.1:3000' },
      text: async () => 'product=mug&email=juan@example.com',
    });
    const stored = await orders.latest();
    await close();
    await rm(folder, { recursive: true, force: true });
    expect([status, stored.map((order) => order.status)]).to.deep.equal([502, ['P']]);
    expect(body).to.match(/role="alert"[^>]*>Dragonpay did not accept the payment. You have not been charged/);
  });
});
