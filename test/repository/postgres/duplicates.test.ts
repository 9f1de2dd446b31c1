import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import {
  createPayments,
  createSlowShopTables,
  paid,
  SlowShop,
  type SlowShopOptions,
} from '../../support/slow-shops.js';

/** Fifteen duplicates, spread over the processes. */
const fifteen = Array.from({ length: 15 }, (_, number) => number);

/** Long enough that duplicates do not give up on a slow machine. */
const busy = 20_000;

const setups: ReadonlyArray<{ name: string; shops: readonly SlowShopOptions[] }> = [
  { name: 'in one process with a pool of three', shops: [{ pool: 3, busy }] },
  {
    name: 'in two processes with a handler class each, and pools of three',
    shops: [
      { pool: 3, busy },
      { pool: 3, busy, handlerClass: 'Ledger' },
    ],
  },
];

describe('duplicates that wait for a handler', function () {
  this.timeout(30_000);
  this.slow(10_000);
  let database: TestDatabase;
  before(async () => {
    database = await createTestDatabase();
    await createSlowShopTables(database);
  });
  after(() => database.destroy());

  async function effectsOf(txnid: string): Promise<number> {
    const { rows } = await database.pool.query('select count(*)::int as n from shop_effects where txnid = $1', [txnid]);
    return rows[0].n;
  }

  interface Sessions {
    /** Connections with a transaction or a statement under way. */
    readonly busy: number;
    /** Transactions that have lasted longer than any statement of this package. */
    readonly lasting: number;
    readonly locked: number;
  }

  async function sessions(): Promise<Sessions> {
    const { rows } = await database.pool.query(`select count(xact_start)::int as busy,
count(*) filter (where clock_timestamp() - xact_start > interval '250 ms')::int as lasting,
count(*) filter (where wait_event_type = 'Lock')::int as locked
from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`);
    return rows[0];
  }

  for (const [setup, { name, shops: options }] of setups.entries()) {
    describe(name, () => {
      const shops: SlowShop[] = [];
      const shopOf = (number: number) => shops[number % shops.length] as SlowShop;
      before(async () => {
        for (const shop of options) shops.push(await SlowShop.start(database.url, shop));
      });
      after(() => Promise.all(shops.map((shop) => shop.stop())));

      /** Delivers a callback, and fifteen duplicates while the handler of the first delivery runs. */
      function deliverOften(txnid: string) {
        const first = shopOf(0).send(paid(txnid));
        const duplicates = sleep(200).then(() =>
          Promise.all(fifteen.map((number) => shopOf(number).send(paid(txnid)))),
        );
        return { first, duplicates };
      }

      it('are each told that they are duplicates, once the first has committed', async () => {
        const txnid = `slow-truth-${setup}`;
        await createPayments(database, [txnid]);
        const { first, duplicates } = deliverOften(txnid);
        const { status, body } = await first;
        expect([status, body]).to.deep.equal([200, 'applied']);
        for (const duplicate of await duplicates) {
          expect([duplicate.status, duplicate.body]).to.deep.equal([200, 'duplicate']);
          // No reply came before the handler had ended.
          expect(duplicate.milliseconds).to.be.greaterThan(700);
        }
        expect(await effectsOf(txnid)).to.equal(1);
      });

      it('get a try of their own when the first one fails', async () => {
        const txnid = `failing-${setup}`;
        await createPayments(database, [txnid]);
        const { first, duplicates } = deliverOften(txnid);
        expect((await first).status).to.equal(500);
        const answers = (await duplicates).map(({ status, body }) => `${status} ${body}`);
        expect(answers.sort()).to.deep.equal(['200 applied', ...Array.from({ length: 14 }, () => '200 duplicate')]);
        expect(await effectsOf(txnid)).to.equal(1);
      });

      it('hold no connection and no lock, and nothing waits for a connection', async () => {
        const txnid = `slow-pool-${setup}`;
        await createPayments(database, [txnid]);
        const startedAt = performance.now();
        const { first, duplicates } = deliverOften(txnid);
        await sleep(300);
        const samples: Array<Sessions & { inUse: number; waiting: number }> = [];
        while (performance.now() - startedAt < 850) {
          const pools = await Promise.all(shops.map((shop) => shop.poolState()));
          const inUse = pools.reduce((sum, pool) => sum + pool.inUse, 0);
          samples.push({ inUse, waiting: Math.max(...pools.map((pool) => pool.waiting)), ...(await sessions()) });
          await sleep(15);
        }
        expect(await isAnswered(first)).to.equal(false);
        // Only the transaction of the handler lasts. A waiting duplicate asks again from time to time. In between, it
        // holds no connection.
        const lasting = samples.filter((sample) => sample.lasting > 1 || sample.locked > 0);
        expect(lasting).to.deep.equal([]);
        const quiet = samples.filter((sample) => sample.inUse === 1 && sample.busy === 1 && sample.waiting === 0);
        expect(quiet.length, JSON.stringify(samples)).to.be.at.least(samples.length / 5);
        await Promise.all([first, duplicates]);
      });

      it('do not slow down callbacks of other payments', async () => {
        const txnid = `slow-others-${setup}`;
        const others = Array.from({ length: 120 }, (_, number) => `other-${setup}-${number}`);
        await createPayments(database, [txnid, ...others]);
        const latencies = async (txnids: readonly string[]) => {
          const all: number[] = [];
          for (const other of txnids) {
            const { status, body, milliseconds } = await shopOf(all.length).send(paid(other));
            expect([status, body]).to.deep.equal([200, 'applied']);
            all.push(milliseconds);
          }
          return all;
        };
        await latencies(others.slice(0, 20));
        const without = await latencies(others.slice(20, 70));
        const { first, duplicates } = deliverOften(txnid);
        await sleep(250);
        const during = await latencies(others.slice(70, 120));
        await Promise.all([first, duplicates]);
        // Much shorter than the second that the handler takes, with an allowance for a busy machine.
        const bound = 3 * median(without) + 20;
        expect(median(during), `without: ${median(without)} ms`).to.be.below(bound);
        expect(Math.max(...during)).to.be.below(600);
      });
    });
  }

  it('are answered 503 with Retry-After past a bounded wait, and succeed on the next try', async () => {
    const shop = await SlowShop.start(database.url, { pool: 2, busy: 200 });
    try {
      await createPayments(database, ['slow-bounded']);
      const first = shop.send(paid('slow-bounded'));
      await sleep(200);
      for (const duplicate of await Promise.all(fifteen.map(() => shop.send(paid('slow-bounded'))))) {
        expect([duplicate.status, duplicate.body]).to.deep.equal([503, 'error=unstored']);
        expect(Number(duplicate.headers['retry-after'])).to.be.greaterThan(0);
        expect(duplicate.milliseconds).to.be.below(700);
      }
      expect((await first).body).to.equal('applied');
      expect((await shop.send(paid('slow-bounded'))).body).to.equal('duplicate');
      expect(await effectsOf('slow-bounded')).to.equal(1);
    } finally {
      await shop.stop();
    }
  });
});

describe('two handler classes in two processes on one database', function () {
  this.timeout(30_000);
  this.slow(10_000);

  it('run one effect for each payment between them, whoever gets the callback first', async () => {
    const database = await createTestDatabase();
    await createSlowShopTables(database);
    const shops = [
      await SlowShop.start(database.url, { handlerClass: 'Courier' }),
      await SlowShop.start(database.url, { handlerClass: 'Ledger' }),
    ];
    try {
      const txnids = Array.from({ length: 100 }, (_, number) => `both-${number}`);
      await createPayments(database, txnids);
      const send = async (shop: SlowShop, txnid: string) => (await shop.send(paid(txnid))).body;
      // Each process begins with another payment. For the others, the processes race.
      const own = await Promise.all(shops.map((shop, number) => send(shop, `both-${number}`)));
      expect(own).to.deep.equal(['applied', 'applied']);
      const answers = await Promise.all(txnids.flatMap((txnid) => shops.map((shop) => send(shop, txnid))));
      expect(answers.filter((body) => body === 'applied')).to.have.length(98);
      expect(answers.filter((body) => body === 'duplicate')).to.have.length(102);
      const { rows } =
        await database.pool.query(`select count(*)::int as effects, count(distinct txnid)::int as payments,
count(distinct handler)::int as handlers from shop_effects`);
      expect(rows[0]).to.deep.equal({ effects: 100, payments: 100, handlers: 2 });
    } finally {
      await Promise.all(shops.map((shop) => shop.stop()));
      await database.destroy();
    }
  });
});

function isAnswered(answer: Promise<unknown>): Promise<boolean> {
  return Promise.race([answer.then(() => true), sleep(1, false)]);
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((one, other) => one - other)[numbers.length >> 1] ?? Number.NaN;
}
