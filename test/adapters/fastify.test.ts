import { connect } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { dragonpayFastify } from '../../adapters/http/fastify.js';
import { DragonpayCallback, MemoryRepository, OnPost } from '../../src/index.js';
import { encodeCallback, signCallback } from '../../src/testing.js';
import { Connection, head } from '../attacks/connection.js';
import { paymentFields, secretKey, testEndpoint } from '../support/dispatch-signed.js';
import { rejection } from '../support/rejection.js';

const url = '/dragonpay/callback';
const form = encodeCallback(signCallback(paymentFields(), { sha1: { secretKey } }));
const headers = { 'content-type': 'application/x-www-form-urlencoded' };

@DragonpayCallback()
class CheckoutCallback {}

@DragonpayCallback()
class Slow {
  @OnPost() async post() {
    await sleep(20);
  }
}

describe('dragonpayFastify', () => {
  let app: FastifyInstance;
  let repository: MemoryRepository;

  beforeEach(async () => {
    app = fastify();
    repository = new MemoryRepository();
    await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
  });
  afterEach(() => app.close());

  const mount = () => app.register(dragonpayFastify, { url, endpoint: testEndpoint(CheckoutCallback, { repository }) });

  async function postback(more: Readonly<Record<string, string>> = {}): Promise<string> {
    const sent = { method: 'POST', url, headers: { ...headers, ...more }, payload: form } as const;
    const { statusCode, body } = await app.inject(sent);
    return `${statusCode} ${body}, status ${(await repository.findPayment('T-1'))?.status}`;
  }
  const stored = '200 result=OK, status S';

  it('leaves the parsers of the app as they are', async () => {
    await mount();
    app.addContentTypeParser('text/csv', { parseAs: 'string' }, (_request, text, done) => done(null, { csv: text }));
    app.post('/orders', async (request) => request.body);
    expect(await postback()).to.equal(stored);
    expect((await app.inject({ method: 'POST', url: '/orders', payload: { amount: 1 } })).json()).to.deep.equal({
      amount: 1,
    });
    const csv = await app.inject({
      method: 'POST',
      url: '/orders',
      headers: { 'content-type': 'text/csv' },
      payload: 'a',
    });
    expect(csv.json()).to.deep.equal({ csv: 'a' });
    const refused = await app.inject({ method: 'POST', url: '/orders', headers, payload: form });
    expect(refused.statusCode).to.equal(415);
  });

  it('works below a prefix, and tells clientAddress the request of Fastify', async () => {
    const seen: string[] = [];
    const clientAddress = ({ native }: { native: unknown }) => (native as FastifyRequest).ip;
    app = fastify({ trustProxy: true });
    await app.register(
      async (shop) => {
        const allowFrom = ['192.0.2.1'];
        const hooks = { rejected: ({ code }: { code: string }) => void seen.push(code) };
        const endpoint = testEndpoint(CheckoutCallback, { repository, allowFrom, clientAddress, hooks });
        await shop.register(dragonpayFastify, { prefix: '/callback', url: '/', endpoint });
      },
      { prefix: '/dragonpay' },
    );
    expect(await postback()).to.match(/^403 .* status P$/);
    expect(await postback({ 'x-forwarded-for': '192.0.2.1' })).to.equal(stored);
    expect(seen).to.deep.equal(['address-not-allowed']);
  });

  it('runs no hook of the app between onRequest and onSend', async () => {
    const ran: string[] = [];
    app.addHook('onRequest', async () => void ran.push('onRequest'));
    app.addHook('preParsing', async (_request, _reply, payload) => {
      ran.push('preParsing');
      return payload;
    });
    app.addHook('preValidation', async () => void ran.push('preValidation'));
    app.addHook('preHandler', async () => void ran.push('preHandler'));
    app.addHook('onSend', async () => void ran.push('onSend'));
    app.addHook('onResponse', async () => void ran.push('onResponse'));
    await mount();
    expect(await postback()).to.equal(stored);
    expect(ran).to.deep.equal(['onRequest', 'onSend', 'onResponse']);
  });

  const refuse = async (_request: unknown, reply: { code(status: number): { send(body: string): unknown } }) =>
    reply.code(401).send('log in');

  for (const when of ['before', 'after'] as const) {
    it(`is reached by the hooks onRequest of its context, also those added ${when} it`, async () => {
      if (when === 'after') await mount();
      app.addHook('onRequest', refuse);
      if (when === 'before') await mount();
      expect(await postback()).to.equal('401 log in, status P');
    });
  }

  it('is passed by a hook onRequest that looks at the URL of the route', async () => {
    await mount();
    app.addHook('onRequest', async (request, reply) => {
      if (request.routeOptions.url !== url) await refuse(request, reply);
    });
    expect(await postback()).to.equal(stored);
    expect((await app.inject('/orders')).statusCode).to.equal(401);
  });

  it('is not reached by the hooks of another context', async () => {
    await app.register(async (shop) => {
      shop.addHook('onRequest', refuse);
      shop.get('/orders', async () => 'orders');
    });
    await mount();
    expect(await postback()).to.equal(stored);
    expect((await app.inject('/orders')).statusCode).to.equal(401);
  });

  it('sends the headers that hooks of the app set, such as those of helmet', async () => {
    app.addHook('onRequest', async (_request, reply) => void reply.header('X-Frame-Options', 'DENY'));
    await mount();
    const { headers } = await app.inject(`${url}?${form}`);
    expect(headers).to.include({ 'x-frame-options': 'DENY', 'cache-control': 'no-store' });
  });

  it('tells the hook what fails while its reply is sent, or that other code answered', async () => {
    const told: string[] = [];
    const hooks = { replyFailed: ({ error }: { error: unknown }) => told.push(String(error)) };
    const fail = async () => {
      throw new Error('no session');
    };
    const prepared: Array<(app: FastifyInstance) => unknown> = [
      (app) => app.addHook('onSend', fail),
      (app) => app.addHook('onSend', async (_, reply) => void reply.header('x', 'a\nb')),
      // Another owner of the response, such as a proxy of the application or a time-out.
      (app) => app.addHook('onRequest', async (_, reply) => void setTimeout(() => reply.hijack().raw.end(), 5)),
      // A request that a hook refuses does not reach the endpoint.
      (app) => app.addHook('onRequest', fail),
    ];
    for (const prepare of prepared) {
      await app.close();
      app = fastify();
      prepare(app);
      await app.register(dragonpayFastify, { url, endpoint: testEndpoint(Slow, { hooks }) });
      await app.inject({ method: 'POST', url, headers, payload: form });
      await sleep(30);
    }
    expect(told).to.deep.equal([
      'Error: no session',
      'TypeError [ERR_INVALID_CHAR]: Invalid character in header content ["x"]',
      'AlreadyAnswered: the request was answered by other code, such as a time-out, before its reply was ready',
    ]);
  });

  it('serves HTTP/2, and refuses a body that is too long', async () => {
    const served = fastify({ http2: true });
    await served.register(dragonpayFastify, { url, endpoint: testEndpoint(CheckoutCallback, { repository }) });
    const client = connect(await served.listen({ host: '127.0.0.1', port: 0 }));
    const answer = (body: string) =>
      new Promise<string>((resolve, reject) => {
        const stream = client.request({ ':method': 'POST', ':path': url, ...headers });
        const received: Record<string, unknown> = {};
        let text = '';
        stream.on('response', (head) => Object.assign(received, head));
        stream.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        stream.on('error', reject).on('close', () => resolve(`${received[':status']} ${text}`));
        stream.end(body);
      });
    try {
      expect(await answer(form)).to.equal('200 result=OK');
      expect((await repository.findPayment('T-1'))?.status).to.equal('S');
      expect(await answer('x'.repeat(20_000))).to.equal('413 error=body-too-large');
    } finally {
      client.destroy();
      await served.close();
    }
  });

  it('keeps other code from answering a request that was refused while its body was coming', async () => {
    const late: unknown[] = [];
    app.addHook('onRequest', (_request, reply, done) => {
      const { writeHead } = reply.raw;
      reply.raw.writeHead = ((...given: Parameters<typeof writeHead>) => {
        setImmediate(() => late.push(reply.sent));
        return writeHead.apply(reply.raw, given);
      }) as typeof writeHead;
      done();
    });
    await mount();
    await app.listen({ port: 0, host: '127.0.0.1' });
    const connection = new Connection((app.server.address() as AddressInfo).port);
    connection.socket.write(`${head('transfer-encoding: chunked')}5000\r\n${'a'.repeat(0x5000)}\r\n`);
    await connection.until(({ isClosed }) => isClosed);
    expect(connection.received).to.match(/^HTTP\/1\.1 413 /);
    expect(late).to.deep.equal([true]);
  });

  it('refuses a second endpoint at its URL', async () => {
    await mount();
    const failure = await rejection(Promise.resolve(mount()));
    expect(failure).to.include({ code: 'FST_ERR_DUPLICATED_ROUTE' });
  });
});
