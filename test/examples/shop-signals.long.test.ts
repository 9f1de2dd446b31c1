import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { isAlive, killShops, makeDataFolder, postmasterOf, startShop } from '../support/shop-process.js';

describe('Demo shop as a process with its own PostgreSQL', function () {
  // Processes start slowly on a busy machine.
  this.timeout(120_000);
  this.slow(60_000);
  let dataFolder: string;

  before(async () => {
    dataFolder = await makeDataFolder();
  });
  after(async () => {
    await killShops();
    await rm(dataFolder, { recursive: true, force: true });
  });

  it('exits at once on a second SIGINT, with its PostgreSQL', async () => {
    const shop = await startShop({ SHOP_DATA: dataFolder, DATABASE: 'postgres' });
    const postmaster = postmasterOf(dataFolder) as number;
    // An unfinished request delays the shutdown.
    const client = connect(Number(new URL(shop.url).port), '127.0.0.1').on('error', () => {});
    client.write('POST /transactions HTTP/1.1\r\nHost: shop\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n');
    await once(client, 'data');
    shop.child.kill('SIGINT');
    await sleep(1_000);
    const { code } = await shop.stop('SIGINT');
    client.destroy();
    expect(code).to.equal(1);
    while (isAlive(postmaster)) await sleep(50);
    const again = await startShop({ SHOP_DATA: dataFolder, DATABASE: 'postgres' });
    expect((await again.stop()).code).to.equal(0);
  });
});
