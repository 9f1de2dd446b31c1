import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { expect } from 'chai';
import { createTestDatabase, type TestDatabase } from './support/database.js';
import { opensslSha1 } from './support/openssl.js';
import { killShops, makeDataFolder, runShopFile, type ShopProcess, startShop } from './support/shop-process.js';

const ownKeys = {
  DRAGONPAY_MERCHANT_ID: 'ACME',
  DRAGONPAY_ENVIRONMENT: 'test',
  DRAGONPAY_SECRET_KEYS: 'a secret',
  DRAGONPAY_PAYOUT_SECRET_KEYS: 'a payout secret',
};

describe('the demo shop with keys and a database of one’s own', function () {
  this.timeout(120_000);
  let dataFolder: string;
  let database: TestDatabase;
  let shop: ShopProcess;

  before(async () => {
    dataFolder = await makeDataFolder();
    database = await createTestDatabase();
    const env = { ...ownKeys, DATABASE_URL: database.url, UPDATE_ON_GET: 'true', SHOP_DATA: dataFolder };
    shop = await startShop(env);
    const details = { txnid: 'T-1', amount: '5.00', description: 'A book', email: 'juan@example.com' };
    await fetch(`${shop.url}/transactions`, { method: 'POST', body: JSON.stringify(details) });
  });

  after(async () => {
    await killShops();
    await database.destroy();
    await rm(dataFolder, { recursive: true, force: true });
  });

  const send = (...flags: string[]) =>
    runShopFile('send-callback.ts', ['--txnid', 'T-1', ...flags], { ...ownKeys, PORT: new URL(shop.url).port });
  const statusOf = async () => {
    const row = (await (await fetch(`${shop.url}/transactions/T-1`)).json()) as { status: string };
    return row.status;
  };

  it('moves the row by GET, as UPDATE_ON_GET says', async () => {
    const digest = opensslSha1('T-1:R1:U::a secret');
    const query = new URLSearchParams({ txnid: 'T-1', refno: 'R1', status: 'U', message: '', digest });
    expect((await fetch(`${shop.url}/dragonpay/callback?${query}`)).status).to.equal(200);
    expect(await statusOf()).to.equal('U');
    expect(shop.log()).to.include('callback payment T-1 U -> applied (P to U)\n');
  });

  it('is sent callbacks that are signed with the first of the keys', async () => {
    expect(await send('--status', 'S')).to.deep.equal({ code: 0, stdout: '200 OK\nresult=OK\n', stderr: '' });
    expect(await statusOf()).to.equal('S');
  });

  it('is sent none that wants Dragonpay’s private key', async () => {
    const { code, stderr } = await send('--status', 'R', '--proof', 'rsa');
    expect(code).to.equal(1);
    expect(stderr).to.match(/^[^\n]*private key[^\n]*\n$/);
  });

  it('takes payouts', async () => {
    const digest = opensslSha1('P-1:R2:S::a payout secret');
    const body = new URLSearchParams({ merchantTxnId: 'P-1', refNo: 'R2', status: 'S', message: '', digest });
    const reply = await fetch(`${shop.url}/dragonpay/callback`, { method: 'POST', body });
    expect([reply.status, await reply.text()]).to.deep.equal([200, 'result=OK']);
    expect(shop.log()).to.include('callback payout P-1 S -> not-found\n');
  });

  it('makes no demo keys, and writes nothing into the data folder', async () => {
    expect(await (await fetch(shop.url)).text()).not.to.match(/demo keys/);
    const { code, stdout, stderr } = await shop.stop();
    expect([code, stderr]).to.deep.equal([0, '']);
    expect(stdout).not.to.match(/demo/i);
    expect(readdirSync(dataFolder)).to.deep.equal([]);
  });
});

describe('npm run demo:callback', function () {
  this.timeout(120_000);

  it('ends with its usage and 2 where a flag is missing, wrong or unknown', async () => {
    const wrong = ['--status S', '--txnid T --status S --proof md5', '--txnid T --status S --payout x'];
    const ends = wrong.map((flags) => runShopFile('send-callback.ts', flags.split(' '), {}));
    for (const { code, stderr } of await Promise.all(ends)) {
      expect(code).to.equal(2);
      expect(stderr).to.match(/^usage: npm run demo:callback -- --txnid T --status S .*$/m);
    }
  });

  it('ends with one line where no shop answers', async () => {
    const { code, stderr } = await runShopFile('send-callback.ts', ['--txnid', 'T', '--status', 'S'], { PORT: '2' });
    expect(code).to.equal(1);
    expect(stderr).to.match(
      /^no shop answers at http:\/\/127\.0\.0\.1:2, start it with npm start: [^\n]*ECONNREFUSED[^\n]*\n$/,
    );
  });
});
