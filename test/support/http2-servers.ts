import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import fastify from 'fastify';
import Koa from 'koa';
import { dragonpayFastify } from '../../adapters/http/fastify.js';
import { toKoaMiddleware } from '../../adapters/http/koa.js';
import { toNodeListener } from '../../adapters/http/node.js';
import { createDragonpay, DragonpayCallback, MemoryRepository } from '../../src/index.js';

/** Serves callbacks by HTTP/2 from every server that speaks it, and prints its URLs. */
@DragonpayCallback()
class CheckoutCallback {}

const repository = new MemoryRepository();
for (const name of ['node', 'koa', 'fastify']) await repository.createPayment({ txnid: name, amount: '100.00' });
const endpoint = createDragonpay({
  merchantId: 'ACME',
  environment: 'test',
  verification: { sha1: { secretKeys: ['a secret'] } },
  repository,
}).endpoint(CheckoutCallback);

const koa = new Koa();
koa.use(toKoaMiddleware(endpoint));
for (const [name, listener] of [
  ['node', toNodeListener(endpoint)],
  ['koa', koa.callback()],
] as const) {
  const server = createServer((request, response) => void listener(request, response));
  server.listen(0, '127.0.0.1', () => print(name, (server.address() as AddressInfo).port));
}
const app = fastify({ http2: true });
await app.register(dragonpayFastify, { url: '/dragonpay/callback', endpoint });
await app.listen({ host: '127.0.0.1', port: 0 });
print('fastify', (app.server.address() as AddressInfo).port);

function print(name: string, port: number): void {
  console.log(`${name} http://127.0.0.1:${port}`);
}
