import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  isAlive,
  killShops,
  makeDataFolder,
  postmasterOf,
  type ShopProcess,
  startShop,
} from '../support/shop-process.js';

const json = { 'Content-Type': 'application/json' };
const order = { amount: '100.00', description: 'A <b>lamp</b>', email: 'juan@example.com' };

describe('the demo shop', function () {
  // Processes start slowly on a busy machine.
  this.timeout(120_000);
  let dataFolder: string;

  before(async () => {
    dataFolder = await makeDataFolder();
  });

  after(async () => {
    await killShops();
    await rm(dataFolder, { recursive: true, force: true });
  });

  /** They share one data folder. Each finds the orders that earlier ones stored in the same database. */
  const servers = [
    { server: 'express', database: 'sqlite' },
    { server: 'koa', database: 'postgres' },
    { server: 'node', database: 'sqlite' },
  ] as const;
  for (const [index, { server, database }] of servers.entries()) {
    describe(`on ${server} with ${database}`, () => {
      let shop: ShopProcess;
      const id = (name: string) => `${server}/${name}`;
      const create = (details: object) =>
        fetch(`${shop.url}/transactions`, { method: 'POST', headers: json, body: JSON.stringify(details) });
      const find = (name: string) => fetch(`${shop.url}/transactions/${encodeURIComponent(name)}`);
      const rowOf = async (name: string) => (await (await find(name)).json()) as Record<string, unknown>;
      const checkOut = (form: Record<string, string>) =>
        fetch(`${shop.url}/checkout`, { method: 'POST', body: new URLSearchParams(form), redirect: 'manual' });

      before(async () => {
        // The file is the default.
        const chosen: Record<string, string> = database === 'sqlite' ? {} : { DATABASE: database };
        shop = await startShop({ SERVER: server, SHOP_DATA: dataFolder, ...chosen }, { npm: index === 0 });
        for (const name of ['first', 'forged']) await create({ ...order, txnid: id(name) });
      });

      it('prints the addresses of the shop and its sandbox', () => {
        expect(shop.log())
          .to.match(/sandbox: http:\/\/127\.0\.0\.1:\d+\n/)
          .and.to.include(`(${server})`);
      });

      it('creates orders from JSON and generates a missing txnid', async () => {
        const created = await create(order);
        const row = (await created.json()) as { txnid: string };
        expect(created.status).to.equal(201);
        expect(row).to.include({ amount: '100.00', currency: 'PHP', status: 'P' });
        expect(await rowOf(row.txnid)).to.deep.include({ ...row, paidAt: null, callbacks: [] });
      });

      it('ignores status and refno in an order', async () => {
        await create({ ...order, txnid: id('sly'), status: 'S', refno: 'R' });
        expect(await rowOf(id('sly'))).to.include({ status: 'P', refno: null });
      });

      const refusals: [what: string, body: string, status: number, code: string][] = [
        ['a repeated txnid', JSON.stringify({ ...order, txnid: id('first') }), 409, 'already-exists'],
        ['an amount that is a number', JSON.stringify({ ...order, amount: 100 }), 400, 'invalid-details'],
        ['a malformed amount', JSON.stringify({ ...order, amount: '1,5' }), 400, 'invalid-details'],
        ['a missing email', JSON.stringify({ ...order, email: undefined }), 400, 'invalid-details'],
        ['a txnid with a colon', JSON.stringify({ ...order, txnid: 'a:b' }), 400, 'invalid-details'],
        ['broken JSON', '{', 400, 'invalid-json'],
        ['JSON null', 'null', 400, 'invalid-json'],
        ['a JSON array', '[]', 400, 'invalid-json'],
        ['a long body', ' '.repeat(20_000), 413, 'body-too-large'],
      ];
      for (const [what, body, status, code] of refusals) {
        it(`refuses an order: ${what}`, async () => {
          const reply = await fetch(`${shop.url}/transactions`, { method: 'POST', headers: json, body });
          expect(reply.status).to.equal(status);
          expect(await reply.json())
            .to.have.keys('code', 'message')
            .and.to.include({ code });
        });
      }

      it('shows a refused form again with the error', async () => {
        for (const product of ['gold', '__proto__']) {
          const reply = await checkOut({ product, email: 'a<b@example.com' });
          expect(reply.status).to.equal(400);
          expect(await reply.text()).to.match(/id="product-error">Please choose a product\..*\svalue="a&#60;b@/s);
        }
        for (const email of ['', 'juan', `${'a<'.repeat(200)}@example.com`]) {
          const reply = await checkOut({ product: 'mug', email });
          expect(reply.status).to.equal(400);
          const page = await reply.text();
          expect(page).to.match(/ value="mug" checked.* aria-invalid="true" .*id="email-error">Please enter an email/s);
          expect(page).to.include(`value="${email.replaceAll('<', '&#60;')}"`);
        }
      });

      it('refuses forms of pages of other sites, and foreign names in Host', async () => {
        const { host } = new URL(shop.url);
        const ask = (path: string, method: string, headers: Record<string, string>) =>
          new Promise<number>((resolve, reject) => {
            const sent = request(new URL(path, shop.url), { method, headers }, (response) => {
              resolve(response.resume().statusCode ?? 0);
            });
            sent.on('error', reject).end();
          });
        for (const path of ['/checkout', '/transactions', `/orders/${encodeURIComponent(id('first'))}`]) {
          for (const headers of [
            { origin: 'https://evil.example' },
            { origin: 'null' },
            { origin: shop.url.replace(/\d+$/, '1') },
            { origin: shop.url, 'sec-fetch-site': 'cross-site' },
            { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'navigate' },
          ]) {
            expect(await ask(path, 'POST', headers), `${path} ${JSON.stringify(headers)}`).to.equal(403);
          }
        }
        for (const foreign of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example']) {
          expect(await ask('/', 'GET', { host: foreign }), foreign).to.equal(403);
        }
        expect(await ask('/', 'GET', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' })).to.equal(403);
        expect(await ask('/', 'GET', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' })).to.equal(200);
        expect(await ask('/', 'GET', { host: host.replace('127.0.0.1', 'localhost') })).to.equal(200);
        const form = { origin: shop.url, 'sec-fetch-site': 'same-origin' };
        expect(await ask('/checkout', 'POST', form), 'its own form').to.equal(400);
        const callback = { host: 'shop.example', origin: 'https://gw.dragonpay.ph', 'sec-fetch-site': 'cross-site' };
        expect(await ask('/dragonpay/callback', 'POST', callback), 'the endpoint checks proofs').to.equal(400);
      });

      it('answers 404 and 405 to unknown paths and methods', async () => {
        expect((await find('nobody')).status).to.equal(404);
        expect((await fetch(`${shop.url}/transactions/%zz`)).status).to.equal(404);
        for (const path of ['elsewhere', 'orders/nobody', 'orders/%00', 'orders/%zz', 'orders/', 'toString']) {
          const reply = await fetch(`${shop.url}/${path}`);
          expect([reply.status, await reply.text()], path).to.satisfy(([status, text]: [number, string]) => {
            return status === 404 && text.includes('href="/"');
          });
        }
        expect((await fetch(`${shop.url}/transactions`)).headers.get('allow')).to.equal('POST');
        expect((await fetch(`${shop.url}/`, { method: 'POST' })).headers.get('allow')).to.equal('GET, HEAD');
      });

      it('redirects the payer to its sandbox', async () => {
        const { status, headers } = await checkOut({ product: 'coffee', email: order.email });
        expect([status, new URL(headers.get('location') ?? '').origin]).to.deep.equal([303, shop.sandboxUrl]);
      });

      it('refuses a forged callback and logs the reason', async () => {
        const form = { txnid: id('forged'), refno: 'R1', status: 'S', message: '', signatures: 'Zm9yZ2Vk' };
        const body = new URLSearchParams(form);
        const reply = await fetch(`${shop.url}/dragonpay/callback`, { method: 'POST', body });
        expect([reply.status, await reply.text()]).to.deep.equal([400, 'error=proof-mismatch']);
        const page = await fetch(`${shop.url}/dragonpay/callback?${body}`);
        expect([page.status, await page.text()]).to.satisfy(([status, text]: [number, string]) => {
          return status === 400 && text.includes('This link is not valid');
        });
        expect(await rowOf(id('forged'))).to.deep.include({ status: 'P', paidAt: null, callbacks: [] });
        expect(shop.log()).to.include(`callback refused 400 proof-mismatch signatures of ${id('forged')} (POST)`);
      });

      it('lists the orders with escaped text', async () => {
        const page = await (await fetch(shop.url)).text();
        expect(page).to.include('A &#60;b&#62;lamp').and.not.to.include('<b>lamp');
        for (const earlier of servers.slice(0, index + 1)) {
          if (earlier.database === database) expect(page).to.include(`>${earlier.server}/first</a>`);
        }
      });

      it('exits cleanly on the first signal', async () => {
        const postmaster = postmasterOf(dataFolder);
        expect(postmaster !== undefined && isAlive(postmaster)).to.equal(database === 'postgres');
        expect(existsSync(join(dataFolder, 'shop.db'))).to.equal(true);
        const { code, stderr } = await shop.stop(index === 1 ? 'SIGTERM' : 'SIGINT');
        expect([code, stderr]).to.deep.equal([0, '']);
        expect(postmaster !== undefined && isAlive(postmaster)).to.equal(false);
        expect(['owner.pid', 'cluster/postmaster.pid'].filter((file) => existsSync(join(dataFolder, file)))).to.be
          .empty;
      });
    });
  }
});
