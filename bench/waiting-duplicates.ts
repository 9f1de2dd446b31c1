/**
 * Measures how fifteen duplicates that wait for a handler method of one second slow down other callbacks.
 *
 *     npm run bench:duplicates
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createTestDatabase } from '../test/support/database.js';
import {
  createPayments,
  createSlowShopTables,
  paid,
  SlowShop,
  type SlowShopOptions,
} from '../test/support/slow-shops.js';
import { stopTestServer } from '../test/support/test-server.js';

const rounds = 8;
const setups: ReadonlyArray<readonly [name: string, shops: readonly SlowShopOptions[]]> = [
  ['one process, a pool of three', [{ pool: 3 }]],
  ['two processes, a pool of three each', [{ pool: 3 }, { pool: 3, handlerClass: 'Ledger' }]],
];

const database = await createTestDatabase();
await createSlowShopTables(database);
let payments = 0;

for (const [name, options] of setups) {
  const shops: SlowShop[] = [];
  for (const shop of options) shops.push(await SlowShop.start(database.url, shop));
  const shopOf = (number: number) => shops[number % shops.length] as SlowShop;

  const txnids = Array.from({ length: 10_000 }, () => `other-${++payments}`);
  for (let made = 0; made < txnids.length; made += 100) {
    await createPayments(database, txnids.slice(made, made + 100));
  }

  /** Sends callbacks of other payments one after another for `duration` milliseconds. Returns their latencies. */
  async function others(duration: number): Promise<number[]> {
    const endsAt = performance.now() + duration;
    const latencies: number[] = [];
    while (performance.now() < endsAt) {
      const txnid = txnids.pop() ?? '';
      const { milliseconds, body } = await shopOf(latencies.length).send(paid(txnid));
      if (body !== 'applied') throw new Error(`${txnid} got the reply ${body}`);
      latencies.push(milliseconds);
    }
    return latencies;
  }

  await others(2_000);
  const [without, during, waits, tails]: number[][] = [[], [], [], []];
  const inUse: number[] = [];
  for (let round = 0; round < rounds; round++) {
    without?.push(...(await others(800)));
    const txnid = `slow-${++payments}`;
    await createPayments(database, [txnid]);
    const startedAt = performance.now();
    const first = shopOf(0)
      .send(paid(txnid))
      .then(() => performance.now() - startedAt);
    await sleep(100);
    const duplicates = Promise.all(
      Array.from({ length: 15 }, async (_, number) => {
        const { body, milliseconds } = await shopOf(number).send(paid(txnid));
        if (body !== 'duplicate') throw new Error(`a duplicate got the reply ${body}`);
        waits?.push(milliseconds);
        tails?.push(performance.now() - startedAt - (await first));
      }),
    );
    if (round % 2 === 0) {
      during?.push(...(await others(800)));
    } else {
      // No other callbacks run: a connection in use belongs to the handler method or to a waiting duplicate.
      for (let sample = 0; sample < 50; sample++) {
        const pools = await Promise.all(shops.map((shop) => shop.poolState()));
        inUse.push(pools.reduce((sum, pool) => sum + pool.inUse, 0));
        await sleep(10);
      }
    }
    await duplicates;
  }
  const mean = inUse.reduce((sum, count) => sum + count, 0) / inUse.length;
  console.log(`${name}:`);
  console.log(`  others, none waiting:        ${summary(without)}`);
  console.log(`  others, 15 waiting:          ${summary(during)}`);
  console.log(`  ratio of the medians:        ${(quantile(during, 0.5) / quantile(without, 0.5)).toFixed(2)}`);
  console.log(`  reply after the commit:      ${summary(tails)}`);
  console.log(`  connections in use:          mean ${mean.toFixed(2)}, including the handler's`);
  await Promise.all(shops.map((shop) => shop.stop()));
}
await database.destroy();
await stopTestServer();

function summary(milliseconds: readonly number[] | undefined): string {
  const [median, p95, most] = [0.5, 0.95, 1].map((q) => `${quantile(milliseconds, q).toFixed(1)} ms`);
  return `median ${median}, 95 % within ${p95}, at most ${most} (${milliseconds?.length} callbacks)`;
}

function quantile(numbers: readonly number[] = [], q: number): number {
  const sorted = numbers.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}
