import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { expect } from 'chai';
import { oneLine } from '../../examples/shop/log.js';
import { startShop as openShop } from '../../examples/shop/start-shop.js';
import { killShops, makeDataFolder, runShop } from '../support/shop-process.js';

const merchant = { DRAGONPAY_MERCHANT_ID: 'ACME', DRAGONPAY_ENVIRONMENT: 'test' };

describe('Demo shop as a process', function () {
  // Processes start slowly on a busy machine.
  this.timeout(120_000);
  let dataFolder: string;

  beforeEach(async () => {
    dataFolder = await makeDataFolder();
  });

  afterEach(async () => {
    await killShops();
    await rm(dataFolder, { recursive: true, force: true });
  });

  it('prints one line when the database cannot be reached', async () => {
    const DATABASE_URL = 'postgres://me:hidden@127.0.0.1:1/x';
    const { code, stdout, stderr } = await runShop({ SHOP_DATA: dataFolder, DATABASE_URL });
    expect([code, stdout]).to.deep.equal([1, '']);
    expect(stderr)
      .to.match(/^The shop cannot start: the database cannot be reached: .*ECONNREFUSED[^\n]*\n$/)
      .and.not.to.include('hidden');
    expect(readdirSync(dataFolder)).to.deep.equal([]);
  });

  const wrong: [what: string, env: Record<string, string>, message: RegExp][] = [
    ['a malformed DATABASE_URL', { DATABASE_URL: 'postgres://me:hidden@[' }, /^the database cannot be reached: /],
    [
      'an unknown environment',
      { ...merchant, DRAGONPAY_ENVIRONMENT: 'hidden' },
      /^DRAGONPAY_ENVIRONMENT must be "test"/,
    ],
    ['a blank key', { DRAGONPAY_SECRET_KEYS: ' ', ...merchant }, /^DRAGONPAY_SECRET_KEYS must not be blank/],
    ['keys without a merchant', { DRAGONPAY_SECRET_KEYS: 'hidden' }, /^DRAGONPAY_MERCHANT_ID is required/],
    ['a merchant without keys', merchant, /^DRAGONPAY_API_KEY is required/],
    ['production without a merchant', { DRAGONPAY_ENVIRONMENT: 'production' }, /^DRAGONPAY_MERCHANT_ID is required/],
    ['an unknown database', { DATABASE: 'hidden' }, /^DATABASE must be one of sqlite, postgres$/],
    [
      'a file beside a DATABASE_URL',
      { DATABASE: 'sqlite', DATABASE_URL: 'hidden' },
      /^DATABASE must be one of postgres$/,
    ],
    ['an unknown server', { SERVER: 'hidden' }, /^SERVER must be one of express, koa, node$/],
    ['an invalid port', { PORT: 'hidden' }, /^PORT must be a port, 0 to 65534$/],
    ['a port with none after it for the sandbox', { PORT: '65535' }, /^PORT must be a port, 0 to 65534$/],
  ];
  for (const [what, env, message] of wrong) {
    it(`refuses ${what} without quoting the value`, async () => {
      const opened = openShop({ PORT: '0', SHOP_DATA: dataFolder, ...env });
      const error = await opened.then(
        () => new Error('it opened'),
        (reason: Error) => reason,
      );
      expect(oneLine(error)).to.match(message).and.not.to.include('hidden');
      expect(readdirSync(dataFolder)).to.deep.equal([]);
    });
  }

  it('prints one line when its port is taken, and starts no database', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const port = String((other.address() as AddressInfo).port);
    const { code, stderr } = await runShop({ SHOP_DATA: dataFolder, PORT: port });
    other.close();
    expect([code, stderr]).to.deep.equal([
      1,
      `The shop cannot start: port ${port} is in use: set PORT to another port\n`,
    ]);
    expect(readdirSync(dataFolder)).to.deep.equal([]);
  });

  it('names the port of its sandbox when that is taken, and frees its own', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const opened = openShop({ PORT: String(port - 1), SHOP_DATA: dataFolder });
    const message = await opened.then(
      () => 'it opened',
      (error: Error) => error.message,
    );
    other.close();
    expect(message).to.equal(
      `port ${port} for the sandbox is in use: set PORT to another port (the sandbox uses PORT + 1)`,
    );
    const again = createServer().listen(port - 1, '127.0.0.1');
    await once(again, 'listening');
    again.close();
  });
});
