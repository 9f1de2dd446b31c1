import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { parse } from 'node:querystring';
import { expect } from 'chai';
import express from 'express';
import express4 from 'express4';
import Koa from 'koa';
import Koa2 from 'koa2';
import { toExpressHandler } from '../../adapters/http/express.js';
import { toKoaMiddleware } from '../../adapters/http/koa.js';
import { toNodeListener } from '../../adapters/http/node.js';
import {
  type Callback,
  type CallbackEndpoint,
  type CallbackReply,
  type CallbackRequest,
  DragonpayCallback,
  MemoryRepository,
  OnDispatch,
  OnGet,
  OnPost,
  reply,
} from '../../src/index.js';
import { encodeRequest, RawConnection, type RawRequest } from '../../src/testing/adapter-conformance/raw-http.js';
import { type AdapterServer, adapterConformance, encodeCallback, signCallback } from '../../src/testing.js';
import { secretKey, testEndpoint } from '../support/dispatch-signed.js';
import {
  adapterServers,
  parsersOfKoa,
  type Serve,
  serveExpress4,
  serveExpress5,
  serveKoa,
  serveNode,
} from '../support/servers.js';

for (const { name, serve, setups } of adapterServers) {
  describe(`The adapter on ${name}`, () => {
    for (const { name, run } of adapterConformance(serve, setups && { setups })) it(name, run);
  });
}

describe('Where a body parser kept the form, the adapter decodes it itself', () => {
  for (const { name, serve } of adapterServers.filter(({ name }) => /koa|raw|text/.test(name))) {
    it(`on ${name}`, async () => {
      const server = await serve(testEndpoint(Versatile), 'form-parser');
      const connection = await RawConnection.to(server.url);
      // A parser that reads the fields would have decoded the message to another text.
      const form = formOf('x').replace('message=x', 'message=Ni%f1o');
      connection.send(encodeRequest({ target: path, body: form }));
      const { body } = await connection.reply();
      connection.destroy();
      await server.close();
      expect(body).to.equal('error=invalid-utf8');
    });
  }
});

describe('A POST without a body, behind a body parser', () => {
  for (const { name, serve } of adapterServers.filter(({ setups }) => setups?.includes('form-parser') ?? true)) {
    it(`lacks its fields: ${name}`, async () => {
      const server = await serve(testEndpoint(Versatile), 'form-parser');
      const connection = await RawConnection.to(server.url);
      connection.send(encodeRequest({ target: path, body: '' }));
      expect(await connection.reply()).to.include({ status: 400, body: 'error=missing-field' });
      connection.destroy();
      await server.close();
    });
  }
});

/** The properties of Node's request that serverless hosts set after they have read its body. */
const hosts: Readonly<Record<string, (bytes: Buffer) => object>> = {
  'the bytes and the fields': (bytes) => ({ rawBody: bytes, body: parse(bytes.toString()) }),
  'the fields': (bytes) => ({ body: parse(bytes.toString()) }),
  'the bytes': (bytes) => ({ rawBody: bytes }),
};

const listeners: Readonly<Record<string, (endpoint: CallbackEndpoint) => RequestListener>> = {
  'node:http': (endpoint) => toNodeListener(endpoint),
  'Express 4': (endpoint) => express4().all(path, toExpressHandler(endpoint)),
  'Express 5': (endpoint) => express().all(path, toExpressHandler(endpoint)),
  'Koa 2': (endpoint) => new Koa2().use(toKoaMiddleware(endpoint)).callback(),
  'Koa 3': (endpoint) => new Koa().use(toKoaMiddleware(endpoint)).callback(),
};

describe("A host that reads the body and leaves it on Node's request", () => {
  for (const [name, toListener] of Object.entries(listeners)) {
    for (const [left, leave] of Object.entries(hosts)) {
      it(`loses no callback when it leaves ${left}: ${name}`, async () => {
        const repository = new MemoryRepository();
        await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
        const listener = toListener(testEndpoint(Versatile, { repository }));
        const server = createServer(async (request, response) => {
          const chunks: Buffer[] = [];
          for await (const chunk of request) chunks.push(chunk);
          await listener(Object.assign(request, leave(Buffer.concat(chunks))), response);
        }).listen(0, '127.0.0.1');
        await once(server, 'listening');
        const connection = await RawConnection.to(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
        connection.send(encodeRequest({ target: path, body: formOf('paid') }));
        expect(await connection.reply()).to.include({ status: 200, body: 'result=OK' });
        expect((await repository.findPayment('T-1'))?.status).to.equal('S');
        connection.destroy();
        server.close();
      });
    }
  }
});

it('A request whose bytes were decoded by another is refused, and the log says why', async () => {
  const told: unknown[] = [];
  const endpoint = testEndpoint(Versatile, { hooks: { rejected: ({ message }) => told.push(message) } });
  const listener = toNodeListener(endpoint);
  const server = createServer((request, response) => {
    request.setEncoding('utf8');
    void listener(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    const answered = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: formOf('paid'),
    });
    expect([answered.status, await answered.text()]).to.deep.equal([500, 'error=body-consumed']);
    expect(told.join()).to.include('setEncoding');
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

/** Makes each form of reply. The message of the callback chooses it. */
@DragonpayCallback()
class Versatile {
  @OnGet()
  get(callback: Callback) {
    const message = callback.valid ? callback.data.message : 'invalid';
    switch (message) {
      case 'html':
        return reply.html`<h1>Niño ${'<₱>'}</h1>`;
      case 'json':
        return reply.json({ message, peso: '₱' }, { status: 201 });
      case 'redirect':
        return reply.redirect('https://shop.example/thanks?txnid=T-1');
      case 'teapot':
        return reply.text('', { status: 418 });
      case 'early':
        return reply.text('later', { status: 425 });
      case 'odd':
        return reply.text('odd', { status: 599 });
      case 'throw':
        throw new Error('out of order');
      default:
        return message;
    }
  }

  @OnPost()
  post() {}

  @OnDispatch()
  async around(request: CallbackRequest, next: () => Promise<CallbackReply>) {
    const answer = await next();
    if (!request.target.includes('around')) return answer;
    return { status: 207, headers: { 'X-Shop': 'mine', 'content-type': 'text/plain', Allow: 'GET' }, body: 'ñ' };
  }
}

const path = '/dragonpay/callback';
const formOf = (message: string) =>
  encodeCallback(signCallback({ txnid: 'T-1', refno: 'R1', status: 'S', message }, { sha1: { secretKey } }));
const get = (message: string): RawRequest => ({ method: 'GET', target: `${path}?${formOf(message)}` });

const exchanges: Readonly<Record<string, RawRequest>> = {
  'a valid POST': { target: path, body: formOf('paid') },
  'a forged POST': { target: path, body: `${formOf('paid')}0` },
  'an empty POST': { target: path, body: '' },
  'a chunked POST': { target: path, body: [formOf('paid')] },
  'a POST of JSON': { target: path, headers: { 'Content-Type': 'application/json' }, body: '{}' },
  'a POST that is too long': { target: path, body: 'x'.repeat(20_000) },
  'a GET answered with text': get('Niño ₱'),
  'a GET answered with no text': get(''),
  'a GET answered with HTML': get('html'),
  'a GET answered with JSON': get('json'),
  'a GET answered with a redirect': get('redirect'),
  'a GET answered with 418 and no text': get('teapot'),
  'a GET answered with 425': get('early'),
  'a GET answered with a status that nobody knows': get('odd'),
  'a GET whose handler throws': get('throw'),
  'a GET without a query': { method: 'GET', target: path },
  'a GET that is too long': { method: 'GET', target: `${path}?${'x'.repeat(9_000)}` },
  'a GET answered by @OnDispatch': { method: 'GET', target: `${path}?around` },
  'a HEAD': { ...get('html'), method: 'HEAD' },
  'an OPTIONS': { method: 'OPTIONS', target: path },
  'a PUT': { method: 'PUT', target: path, body: 'x' },
  'a DELETE': { method: 'DELETE', target: path },
};

/** Everything that a server sends until it closes the connection, without the header `Date`. */
async function bytesOf({ url }: AdapterServer, request: RawRequest): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  // A request of HTTP/1.1 that keeps its connection, and one that ends it.
  const last = { method: 'OPTIONS', target: path, headers: { Connection: 'close' } };
  socket.write(Buffer.concat([encodeRequest(request), encodeRequest(last)]));
  await once(socket, 'close');
  return Buffer.concat(chunks)
    .toString('latin1')
    .replace(/^Date: .*\r\n/gm, '');
}

describe('The same handler class', () => {
  const servers: Record<string, AdapterServer> = {};

  before(async () => {
    const serve = async (name: string, start: Serve) => {
      const repository = new MemoryRepository();
      await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
      servers[name] = await start(testEndpoint(Versatile, { repository }), 'plain');
    };
    await serve('node:http', serveNode);
    await serve('Express 4', serveExpress4([]));
    await serve('Express 5', serveExpress5([]));
    await serve('Koa 2', serveKoa(2, parsersOfKoa['koa-bodyparser']));
    await serve('Koa 3', serveKoa(3, parsersOfKoa['koa-bodyparser']));
  });

  after(async () => {
    for (const server of Object.values(servers)) await server.close();
  });

  for (const [name, request] of Object.entries(exchanges)) {
    it(`has the same bytes from every server: ${name}`, async () => {
      const { 'node:http': plain, ...others } = servers;
      const expected = await bytesOf(plain as AdapterServer, request);
      expect(expected.match(/HTTP\/1\.1 \d{3} /g)).to.have.length(2);
      for (const [server, other] of Object.entries(others)) {
        expect(await bytesOf(other, request), server).to.equal(expected);
      }
    });
  }
});
