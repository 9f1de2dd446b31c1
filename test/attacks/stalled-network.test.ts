import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { DragonpayCallback, OnPost, OnStatus } from '../../src/index.js';
import { type DragonpayTables, KyselyRepository, withNamedStatements } from '../../src/kysely.js';
import { CuttingProxy } from '../faults/cutting-proxy.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { dispatchSigned, paymentFields, testEndpoint } from '../support/dispatch-signed.js';

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapInMegabytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed / 1e6;
}

let effects: string[] = [];

@DragonpayCallback()
class Plain {
  @OnPost() post() {}
}

@DragonpayCallback()
class Shipping {
  @OnStatus('S') async ship({ data }: { data: { txnid: string } }) {
    effects.push(data.txnid);
  }
}

describe('A network to the database that stalls', () => {
  let database: TestDatabase;
  let proxy: CuttingProxy;
  let db: Kysely<DragonpayTables>;
  let direct: KyselyRepository<DragonpayTables>;

  before(async () => {
    database = await createTestDatabase();
    direct = new KyselyRepository(database.db);
    proxy = await CuttingProxy.start(Number(new URL(database.url).port));
    const pool = new pg.Pool({ connectionString: proxy.through(database.url) });
    pool.on('error', () => {});
    db = new Kysely({ dialect: new PostgresDialect({ pool: withNamedStatements(pool) }) });
  });
  beforeEach(() => {
    effects = [];
  });
  after(async () => {
    await db?.destroy();
    await proxy?.close();
    await database?.destroy();
  });

  const silent = { stored() {}, handlerFailed() {}, rejected() {} };
  /** A long text for the free fields. A form with three of them is about 3 KB long. */
  const long = 'm'.repeat(900);

  /** Sends callbacks in rounds until the time is over. Each round waits for the replies to the one before. */
  async function sendFor(milliseconds: number, Class: typeof Plain | typeof Shipping, atOnce: number) {
    const limits = { storeMilliseconds: 250, handlerMilliseconds: 250, earlyMilliseconds: 0 };
    const endpoint = testEndpoint(Class, { repository: new KyselyRepository(db), limits, hooks: silent });
    const send = (txnid: string) =>
      dispatchSigned(endpoint, paymentFields({ txnid, message: long, param1: long, param2: long }));
    const txnids = Array.from({ length: 1_000 }, (_, index) => `${Class.name}-${index}`);
    for (const txnid of txnids) await direct.createPayment({ txnid, amount: '100.00' });
    expect((await send(txnids.pop() as string)).status).to.equal(200);

    const [heap, until] = [heapInMegabytes(), performance.now() + milliseconds];
    proxy.stall(milliseconds);
    const answered: string[] = [];
    const statuses = new Set<number>();
    while (performance.now() < until - 600) {
      const round = txnids.splice(0, atOnce);
      for (const { status } of await Promise.all(round.map(send))) statuses.add(status);
      answered.push(...round);
    }
    const grown = heapInMegabytes() - heap;
    await sleep(until - performance.now() + 500);
    const { rows } = await database.pool.query(
      'select id from dragonpay_callbacks where id = any($1) union select txnid from dragonpay_transactions where txnid = any($1) and status <> $2',
      [answered, 'P'],
    );
    return { answered, statuses: [...statuses], grown, stored: rows.map(({ id }) => id as string), send };
  }

  it('does not store what was answered 503 and waited in the queue', async () => {
    const { answered, statuses, stored, send } = await sendFor(4_000, Plain, 10);
    expect(statuses).to.deep.equal([503]);
    expect(answered).to.have.length.above(80);
    // Eight statements are sent before any of them is answered. Each round sends two: the second one does not wait for
    // the first, because that one is slow.
    expect(stored).to.have.length.within(1, 40);
    expect((await send(answered[7] as string)).status).to.equal(200);
    expect((await send(answered.at(-1) as string)).status).to.equal(200);
  });

  it('keeps no memory of what was answered 503, stores none of it, and runs no effect', async () => {
    const { answered, statuses, grown, stored, send } = await sendFor(2_500, Shipping, 100);
    expect(statuses).to.deep.equal([503]);
    expect(stored).to.deep.equal([]);
    expect(effects).to.have.length(1);
    expect(grown).to.be.below(5);
    expect((await send(answered[0] as string)).status).to.equal(200);
    expect(effects).to.have.length(2);
  });
});
