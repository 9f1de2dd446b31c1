import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { codeBlocks, readPages } from '../support/markdown.js';
import { opensslSha1 } from '../support/openssl.js';
import { killShops, makeDataFolder, type ShopProcess, startShop } from '../support/shop-process.js';

describe('Demo shop with merchant settings', function () {
  this.timeout(120_000);
  let script: string;
  let dataFolder: string;
  let database: TestDatabase;
  let shop: ShopProcess;

  before(async () => {
    const page = (await readPages()).find(({ path }) => path === 'docs/demo.md');
    script = (page && codeBlocks(page).find(({ code }) => code.includes('openssl'))?.code) ?? '';
    dataFolder = await makeDataFolder();
    database = await createTestDatabase();
    shop = await startShop({
      ...variablesOf(script),
      DRAGONPAY_PAYOUT_SECRET_KEYS: 'a payout secret',
      DATABASE_URL: database.url,
      UPDATE_ON_GET: 'true',
      SHOP_DATA: dataFolder,
    });
  });

  after(async () => {
    await killShops();
    await database.destroy();
    await rm(dataFolder, { recursive: true, force: true });
  });

  const order = { amount: '5.00', description: 'A book', email: 'juan@example.com' };
  const take = (txnid: string) =>
    fetch(`${shop.url}/transactions`, { method: 'POST', body: JSON.stringify({ txnid, ...order }) });
  const rowOf = async (txnid: string) =>
    (await (await fetch(`${shop.url}/transactions/${txnid}`)).json()) as { status: string; paidAt: string | null };

  it('accepts an order and its payment with the commands of docs/demo.md', async () => {
    const commands = script.replace(/^.* npm start$/m, '').replaceAll('127.0.0.1:3000', new URL(shop.url).host);
    const { stdout } = await promisify(execFile)('sh', ['-ec', commands]);
    const [, txnid = ''] =
      /"txnid": "(BY-HAND-\d+)".*HTTP\/1\.1 200 OK.*\r\n\r\nresult=OK$/s.exec(stdout) ?? expect.fail(stdout);
    const { status, paidAt } = await rowOf(txnid);
    expect([status, typeof paidAt]).to.deep.equal(['S', 'string']);
  });

  it('updates the row on a GET with UPDATE_ON_GET', async () => {
    await take('T-1');
    const digest = opensslSha1('T-1:R1:U::a secret');
    const query = new URLSearchParams({ txnid: 'T-1', refno: 'R1', status: 'U', message: '', digest });
    const reply = await fetch(`${shop.url}/dragonpay/callback?${query}`);
    expect([reply.status, await reply.text()]).to.satisfy(([status, page]: [number, string]) => {
      return status === 200 && page.includes('We do not know yet how your payment went');
    });
    expect((await rowOf('T-1')).status).to.equal('U');
    expect(shop.log()).to.include('callback payment T-1 U -> applied (P to U)\n');
  });

  it('accepts the callback of a payout', async () => {
    const digest = opensslSha1('P-1:R2:S::a payout secret');
    const body = new URLSearchParams({ merchantTxnId: 'P-1', refNo: 'R2', status: 'S', message: '', digest });
    const reply = await fetch(`${shop.url}/dragonpay/callback`, { method: 'POST', body });
    expect([reply.status, await reply.text()]).to.deep.equal([200, 'result=OK']);
    expect(shop.log()).to.include('callback payout P-1 S -> not-found\n');
  });

  it('accepts no checkout without an API key and names the variable', async () => {
    const page = await (await fetch(shop.url)).text();
    expect(page).to.match(/<button disabled aria-describedby="no-gateway">.*<code>DRAGONPAY_API_KEY<\/code>/s);
    const body = new URLSearchParams({ product: 'mug', email: order.email });
    const reply = await fetch(`${shop.url}/checkout`, { method: 'POST', body });
    expect(reply.status).to.equal(503);
    expect(await reply.text())
      .to.include('no API key to request payments from Dragonpay')
      .and.not.to.include('Order Enamel mug');
  });

  it('starts no sandbox and writes nothing into the data folder', async () => {
    expect(await (await fetch(shop.url)).text()).not.to.include('sandbox');
    const { code, stdout, stderr } = await shop.stop();
    expect([code, stderr]).to.deep.equal([0, '']);
    expect(stdout).not.to.match(/sandbox/i);
    expect(readdirSync(dataFolder)).to.deep.equal([]);
  });
});

/** The environment variables before `npm start`. */
function variablesOf(script: string): Record<string, string> {
  const [, line = ''] = /^(.*) npm start$/m.exec(script) ?? [];
  return Object.fromEntries([...line.matchAll(/(\w+)=(?:'([^']*)'|(\S+))/g)].map(([, name, a, b]) => [name, a ?? b]));
}
