import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import express, { type Express, type RequestHandler } from 'express';
import fastify from 'fastify';
import { toExpressHandler } from '../../adapters/http/express.js';
import {
  createDragonpay,
  type Dragonpay,
  DragonpayCallback,
  MemoryRepository,
  OnGet,
  OnPost,
} from '../../src/index.js';
import { encodeCallback, signCallback } from '../../src/testing.js';
import { CodeFolder, codeUnder, printed } from '../support/documented-code.js';

/** Runs the code of docs/mounting.md, which finds its names as globals. */
describe('Documented servers', function () {
  this.timeout(20_000);
  const page = 'docs/mounting.md';
  const sha1 = { secretKey: 'a secret' };
  const form = encodeCallback(signCallback({ txnid: 'BK-1', refno: 'REF1', status: 'S', message: 'Paid' }, { sha1 }));
  let folder: CodeFolder;
  let repository: MemoryRepository;
  let dragonpay: Dragonpay;
  let app: Express;

  @DragonpayCallback()
  class CheckoutCallback {
    @OnPost()
    settle() {}
    @OnGet()
    show() {
      return 'shown';
    }
  }

  before(async () => {
    folder = await CodeFolder.create();
  });
  beforeEach(async () => {
    repository = new MemoryRepository();
    await repository.createPayment({ txnid: 'BK-1', amount: '100.00' });
    const verification = { sha1: { secretKeys: [sha1.secretKey] } };
    dragonpay = createDragonpay({ merchantId: 'ACME', environment: 'test', verification, repository });
    app = express();
    setGlobals({ app, dragonpay, CheckoutCallback, toExpressHandler });
  });
  afterEach(() => {
    for (const name of globals) Reflect.deleteProperty(globalThis, name);
    globals.clear();
  });
  after(() => folder.remove());

  const globals = new Set<string>();
  function setGlobals(values: Readonly<Record<string, unknown>>): void {
    Object.assign(globalThis, values);
    for (const name of Object.keys(values)) globals.add(name);
  }

  /** Serves a listener while something runs. */
  async function serve(listener: RequestListener, use: (url: string) => Promise<void>): Promise<void> {
    const server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  }

  const post = (url: string) => fetch(url, { method: 'POST', body: new URLSearchParams(form) });

  it('the two URLs of mounting.md store a postback by GET, and show the return', async () => {
    const [code = ''] = await codeUnder(page, 'Postbacks by GET: two URLs', 'ts');
    await folder.run('two-urls', code);
    await serve(app, async (url) => {
      const show = async () => (await fetch(`${url}/dragonpay/return?${form}`)).text();
      expect(await show()).to.equal('Please check your email');
      const lines = await printed(async () => {
        expect(await (await fetch(`${url}/dragonpay/postback?${form}`)).text()).to.equal('result=OK');
      });
      expect(lines).to.deep.equal(['ship BK-1']);
      expect(await show()).to.equal('Thank you');
    });
  });

  const refuse: RequestHandler = (_request, response) => {
    response.status(403).end();
  };
  const pass: RequestHandler = (_request, _response, next) => next();

  for (const [index, name] of ['mounted before', 'skipped for the path'].entries()) {
    it(`the callback of mounting.md passes a CSRF protection that is ${name}`, async () => {
      const code = (await codeUnder(page, 'CSRF and login', 'js'))[index] ?? '';
      setGlobals({ helmet: () => pass, session: () => pass, secret: '', passport: { session: () => pass } });
      setGlobals({ csrfProtection: refuse });
      await folder.run(`csrf-${index}`, code);
      // The second block expects the callback below the protection.
      app.all('/dragonpay/callback', toExpressHandler(dragonpay.endpoint(CheckoutCallback)));
      await serve(app, async (url) => {
        expect(await (await post(`${url}/dragonpay/callback`)).text()).to.equal('result=OK');
        expect((await post(`${url}/elsewhere`)).status).to.equal(403);
      });
    });
  }

  it('the Fastify adapter of mounting.md serves callbacks', async () => {
    const [adapter = ''] = await codeUnder(page, 'Any other server', 'ts');
    const [mount = ''] = await codeUnder(page, 'Any other server', 'js');
    const { toFastifyHandler } = await folder.run('fastify-adapter', adapter);
    const server = fastify();
    setGlobals({ toFastifyHandler, fastify: server });
    await folder.run('fastify-mount', mount);
    const url = `${await server.listen({ host: '127.0.0.1', port: 0 })}/dragonpay/callback`;
    try {
      const reply = await post(url);
      expect([reply.status, await reply.text()]).to.deep.equal([200, 'result=OK']);
      expect(await (await fetch(`${url}?${form}`)).text()).to.equal('shown');
      expect((await fetch(url, { method: 'PUT' })).status).to.equal(405);
      expect((await repository.findPayment('BK-1'))?.status).to.equal('S');
    } finally {
      await server.close();
    }
  });
});
