import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import express, { type Express, type RequestHandler } from 'express';
import { toExpressHandler } from '../../adapters/http/express.js';
import {
  type CallbackReply,
  createDragonpay,
  type Dragonpay,
  DragonpayCallback,
  MemoryRepository,
  OnGet,
  OnPost,
} from '../../src/index.js';
import { encodeCallback, signCallback } from '../../src/testing.js';
import { CodeFolder, codeUnder, printed } from '../support/documented-code.js';
import { checkDocumentedServer } from '../support/documented-server.js';
import { freePort } from '../support/free-port.js';
import { codeBlocks, readPages } from '../support/markdown.js';
import { type Program, root, runProgram } from '../support/program.js';

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

  it('the adapter of mounting.md serves callbacks of a host that reads them first', async () => {
    const [adapter = ''] = await codeUnder(page, 'Any other server', 'ts');
    const { toHostHandler } = await folder.run('host-adapter', adapter);
    if (typeof toHostHandler !== 'function') throw new Error('the page has no toHostHandler');
    const handle: (request: object) => Promise<CallbackReply> = toHostHandler(dragonpay.endpoint(CheckoutCallback));
    const host: RequestListener = async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      const { method, url, headers, socket } = request;
      const reply = await handle({ method, url, headers, body, address: socket.remoteAddress });
      response.writeHead(reply.status, reply.headers).end(reply.body);
    };
    await serve(host, async (origin) => {
      const url = `${origin}/dragonpay/callback`;
      const reply = await post(url);
      expect([reply.status, await reply.text()]).to.deep.equal([200, 'result=OK']);
      expect(await (await fetch(`${url}?${form}`)).text()).to.equal('shown');
      expect((await fetch(url, { method: 'PUT' })).status).to.equal(405);
      const long = new URLSearchParams({ message: 'x'.repeat(20_000) });
      expect((await fetch(url, { method: 'POST', body: long })).status).to.equal(413);
      expect((await repository.findPayment('BK-1'))?.status).to.equal('S');
    });
  });
});

/** The globals of the programs under "Servers". */
const prelude = `
import { createDragonpay, DragonpayCallback, MemoryRepository, OnGet, OnStatus } from 'dragonpay-callback';

@DragonpayCallback()
class CheckoutCallback {
  @OnStatus('S') ship({ data }) {
    console.log('ship', data.txnid);
  }
  @OnGet() show() {
    return 'shown';
  }
}
const repository = new MemoryRepository();
await repository.createPayment({ txnid: 'BK-1', amount: '100.00' });
const verification = { sha1: { secretKeys: ['a secret'] } };
const dragonpay = createDragonpay({ merchantId: 'ACME', environment: 'test', verification, repository });
Object.assign(globalThis, { dragonpay, CheckoutCallback });
`;

/** Runs every example of a server on the page, including those that are added later. */
describe('A server of mounting.md', function () {
  this.timeout(30_000);
  const page = 'docs/mounting.md';
  let folder: CodeFolder;
  let program: Program | undefined;

  before(async () => {
    folder = await CodeFolder.create();
    await folder.write('prelude.ts', prelude);
  });
  afterEach(() => program?.stop());
  after(() => folder.remove());

  it('is there for each adapter, or an example of another page', async () => {
    const { exports } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    const adapters = Object.keys(exports).filter((name) => exports[name].default?.includes('/adapters/http/'));
    expect(adapters).to.include('./express');
    const code = (await readPages()).flatMap((page) => codeBlocks(page).map((block) => block.code));
    for (const name of adapters) {
      expect(code.join(), name).to.include(` from 'dragonpay-callback${name.slice(1)}'`);
    }
  });

  it('listens, stores a postback, shows a return and refuses a forgery', async () => {
    const blocks = await codeUnder(page, 'Servers', 'ts');
    expect(blocks).not.to.be.empty;
    for (const [index, code] of blocks.entries()) {
      const [, name = ''] = / from '(dragonpay-callback\/\S+)'/.exec(code) ?? [];
      const port = await freePort();
      expect(code, name).to.include('3000');
      const url = `http://127.0.0.1:${port}/dragonpay/callback`;
      program = runProgram(
        await folder.write(`server-${index}.ts`, `import './prelude.js';\n${code.replaceAll('3000', String(port))}`),
        {},
      );
      await checkDocumentedServer(url, program);
      const body = new URLSearchParams({ txnid: 'T-1' });
      const withSlash = await fetch(`${url}/`, { method: 'POST', body });
      expect(`${withSlash.status} ${await withSlash.text()}`, name).to.match(/^400 .*missing-field/);
      expect((await fetch(new URL('/elsewhere', url))).status, name).to.equal(404);
      await program.stop();
    }
  });
});
