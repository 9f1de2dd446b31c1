import { existsSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  isAlive,
  killShops,
  makeDataFolder,
  postmasterOf,
  runShopFile,
  type ShopProcess,
  startShop,
} from './support/shop-process.js';

const json = { 'Content-Type': 'application/json' };
const order = { amount: '100.00', description: 'A <b>lamp</b>', email: 'juan@example.com' };

describe('the demo shop', function () {
  // Processes are started here, on machines that may do other things too.
  this.timeout(120_000);
  let dataFolder: string;

  before(async () => {
    dataFolder = await makeDataFolder();
  });

  after(async () => {
    await killShops();
    await rm(dataFolder, { recursive: true, force: true });
  });

  /** All three on one data folder, one after the other: each finds what the one before it has stored. */
  const servers = ['express', 'koa', 'node'];
  for (const [index, server] of servers.entries()) {
    describe(`on ${server}`, () => {
      let shop: ShopProcess;
      const id = (name: string) => `${server}/${name}`;
      const create = (details: object) =>
        fetch(`${shop.url}/transactions`, { method: 'POST', headers: json, body: JSON.stringify(details) });
      const find = (name: string) => fetch(`${shop.url}/transactions/${encodeURIComponent(name)}`);
      const rowOf = async (name: string) => (await (await find(name)).json()) as Record<string, unknown>;
      const send = (...flags: string[]) =>
        runShopFile('send-callback.ts', flags, { SHOP_DATA: dataFolder, PORT: new URL(shop.url).port });

      before(async () => {
        shop = await startShop({ SERVER: server, SHOP_DATA: dataFolder }, { npm: index === 0 });
        for (const name of ['rsa', 'hmac', 'sha1', 'forged']) await create({ ...order, txnid: id(name) });
      });

      it('says that it has demo keys, and keeps them to itself', () => {
        expect(shop.log())
          .to.match(/demo keys/i)
          .and.to.include(`(${server})`);
        expect(statSync(join(dataFolder, 'demo-keys.json')).mode & 0o777).to.equal(0o600);
      });

      it('takes orders as JSON and as a form, and generates an id where there is none', async () => {
        const created = await create(order);
        const row = (await created.json()) as { txnid: string };
        expect(created.status).to.equal(201);
        expect(row).to.include({ amount: '100.00', currency: 'PHP', status: 'P' });
        expect(await rowOf(row.txnid)).to.deep.include({ ...row, paidAt: null, callbacks: [] });
        const body = new URLSearchParams({ ...order, txnid: id('form') });
        const sent = await fetch(`${shop.url}/transactions`, { method: 'POST', body, redirect: 'manual' });
        expect([sent.status, sent.headers.get('location')]).to.deep.equal([303, '/']);
        expect(await rowOf(id('form'))).to.include({ status: 'P', email: order.email });
      });

      it('takes nothing from a customer that is not the customer’s to say', async () => {
        await create({ ...order, txnid: id('sly'), status: 'S', refno: 'R' });
        expect(await rowOf(id('sly'))).to.include({ status: 'P', refno: null });
      });

      const refusals: [what: string, body: string, status: number, code: string][] = [
        ['a repeated id', JSON.stringify({ ...order, txnid: id('rsa') }), 409, 'already-exists'],
        ['a float', JSON.stringify({ ...order, amount: 100 }), 400, 'invalid-details'],
        ['a malformed amount', JSON.stringify({ ...order, amount: '1,5' }), 400, 'invalid-details'],
        ['no email', JSON.stringify({ ...order, email: undefined }), 400, 'invalid-details'],
        ['an id with a colon', JSON.stringify({ ...order, txnid: 'a:b' }), 400, 'invalid-details'],
        ['broken JSON', '{', 400, 'invalid-json'],
        ['JSON of nothing', 'null', 400, 'invalid-json'],
        ['JSON of a list', '[]', 400, 'invalid-json'],
        ['a long body', ' '.repeat(20_000), 413, 'body-too-large'],
      ];
      for (const [what, body, status, code] of refusals) {
        it(`refuses ${what}`, async () => {
          const reply = await fetch(`${shop.url}/transactions`, { method: 'POST', headers: json, body });
          expect(reply.status).to.equal(status);
          expect(await reply.json())
            .to.have.keys('code', 'message')
            .and.to.include({ code });
        });
      }

      it('shows a refused form again, with what was wrong', async () => {
        const body = new URLSearchParams({ ...order, amount: '1,5' });
        const reply = await fetch(`${shop.url}/transactions`, { method: 'POST', body });
        expect(reply.status).to.equal(400);
        expect(await reply.text()).to.match(/role="alert"[^>]*>Not accepted: amount .*value="1,5"/s);
      });

      it('knows what it does not have', async () => {
        expect((await find('nobody')).status).to.equal(404);
        expect((await fetch(`${shop.url}/transactions/%zz`)).status).to.equal(404);
        expect((await fetch(`${shop.url}/elsewhere`)).status).to.equal(404);
        expect((await fetch(`${shop.url}/transactions`)).headers.get('allow')).to.equal('POST');
      });

      it('believes a callback with any of the three proofs, and marks the order paid', async () => {
        const proofs = ['rsa', 'hmac', 'sha1'];
        const sent = proofs.map((proof) => send('--txnid', id(proof), '--status', 'S', '--proof', proof));
        for (const { code, stdout } of await Promise.all(sent)) {
          expect([code, stdout]).to.deep.equal([0, '200 OK\nresult=OK\n']);
        }
        for (const proof of proofs) {
          const row = await rowOf(id(proof));
          expect(row.status).to.equal('S');
          expect(row.paidAt).to.be.a('string');
          expect(row.callbacks).to.have.length(1);
          expect(row).to.have.nested.include({ 'callbacks[0].proof': proof, 'callbacks[0].outcome': 'applied' });
          expect(JSON.stringify(row.callbacks)).to.match(/=redacted/);
          expect(shop.log()).to.include(`callback payment ${id(proof)} S -> applied (P to S)\n`);
        }
      });

      it('refuses a forged one, and says why in its log', async () => {
        const form = { txnid: id('forged'), refno: 'R1', status: 'S', message: '', digest: '0'.repeat(40) };
        const body = new URLSearchParams(form);
        const reply = await fetch(`${shop.url}/dragonpay/callback`, { method: 'POST', body });
        expect([reply.status, await reply.text()]).to.deep.equal([400, 'error=proof-mismatch']);
        const page = await fetch(`${shop.url}/dragonpay/callback?${body}`);
        expect([page.status, await page.text()]).to.satisfy(([status, text]: [number, string]) => {
          return status === 400 && text.includes('cannot be read');
        });
        expect(await rowOf(id('forged'))).to.deep.include({ status: 'P', paidAt: null, callbacks: [] });
        expect(shop.log()).to.include(`callback refused 400 proof-mismatch digest of ${id('forged')} (POST)`);
      });

      it('shows the payer the status that is stored, not the one that the URL brings', async () => {
        const { code, stdout } = await send('--txnid', id('forged'), '--status', 'S', '--method', 'GET');
        expect(code).to.equal(0);
        expect(stdout).to.match(/^200 OK\n.*waiting for your payment.*<\/b> pending/s);
        expect(await rowOf(id('forged'))).to.include({ status: 'P' });
      });

      it('lists the orders, escaped, with the command for one of them', async () => {
        const page = await (await fetch(shop.url)).text();
        expect(page).to.include('A &#60;b&#62;lamp').and.not.to.include('<b>lamp');
        for (const earlier of servers.slice(0, index + 1)) expect(page).to.include(`>${earlier}/rsa</a>`);
        const { port } = new URL(shop.url);
        const command = `<code>PORT=${port} SHOP_DATA=${dataFolder} npm run demo:callback -- --txnid `;
        expect(page).to.match(new RegExp(`${command}\\S+ --status S</code>`));
      });

      it('answers the first ^C with a clean end', async () => {
        const postmaster = postmasterOf(dataFolder) as number;
        expect(isAlive(postmaster)).to.equal(true);
        const { code, stderr } = await shop.stop(index === 1 ? 'SIGTERM' : 'SIGINT');
        expect([code, stderr]).to.deep.equal([0, '']);
        expect(isAlive(postmaster)).to.equal(false);
        expect(['owner.pid', 'cluster/postmaster.pid'].filter((file) => existsSync(join(dataFolder, file)))).to.be
          .empty;
      });
    });
  }
});
