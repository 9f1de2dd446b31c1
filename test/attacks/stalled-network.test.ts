import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Kysely, MysqlDialect, PostgresDialect } from 'kysely';
import pg from 'pg';
import { DragonpayCallback, OnPost, OnStatus } from '../../src/index.js';
import { type DragonpayTables, KyselyRepository, withNamedStatements } from '../../src/kysely.js';
import { CuttingProxy } from '../faults/cutting-proxy.js';
import { type CreatedDatabase, databases } from '../support/databases.js';
import { dispatchSigned, paymentFields, testEndpoint } from '../support/dispatch-signed.js';
import { memoryInUse } from '../support/memory-in-use.js';
import { mysqlPool } from '../support/mysql-database.js';

/** The databases that are behind a network, and how a program connects to them. */
const connections: Readonly<Record<string, (url: string) => Kysely<DragonpayTables>>> = {
  PostgreSQL: (url) => {
    const pool = new pg.Pool({ connectionString: url }).on('error', () => {});
    return new Kysely({ dialect: new PostgresDialect({ pool: withNamedStatements(pool) }) });
  },
  MariaDB: (url) => new Kysely({ dialect: new MysqlDialect({ pool: mysqlPool(url) }) }),
};

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

for (const { name, isHere, dialect, create } of databases) {
  const connect = connections[name];
  if (connect === undefined || !isHere) continue;

  describe(`A network to ${name} that stalls`, () => {
    let database: CreatedDatabase;
    let proxy: CuttingProxy;
    let db: Kysely<DragonpayTables>;
    let direct: KyselyRepository<DragonpayTables>;

    before(async function () {
      this.timeout(30_000);
      database = await create();
      direct = new KyselyRepository(database.db, { dialect });
      proxy = await CuttingProxy.start(Number(new URL(database.url).port));
      db = connect(proxy.through(database.url));
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
      const endpoint = testEndpoint(Class, {
        repository: new KyselyRepository(db, { dialect }),
        limits,
        hooks: silent,
      });
      const send = (txnid: string) =>
        dispatchSigned(endpoint, paymentFields({ txnid, message: long, param1: long, param2: long }));
      const txnids = Array.from({ length: 1_000 }, (_, index) => `${Class.name}-${index}`);
      for (const txnid of txnids) await direct.createPayment({ txnid, amount: '100.00' });
      expect((await send(txnids.pop() as string)).status).to.equal(200);

      const before = await memoryInUse();
      const until = performance.now() + milliseconds;
      proxy.stall(milliseconds);
      const answered: string[] = [];
      const statuses = new Set<number>();
      while (performance.now() < until - 600) {
        const round = txnids.splice(0, atOnce);
        for (const { status } of await Promise.all(round.map(send))) statuses.add(status);
        answered.push(...round);
      }
      const grown = ((await memoryInUse()) - before) / 1e6;
      await sleep(until - performance.now() + 500);
      const moved = await database.db
        .selectFrom('dragonpay_transactions')
        .select('txnid as id')
        .where('txnid', 'in', answered)
        .where('status', '<>', 'P')
        .execute();
      const recorded = await database.db
        .selectFrom('dragonpay_callbacks')
        .select('id')
        .where('id', 'in', answered)
        .execute();
      const stored = [...new Set([...moved, ...recorded].map(({ id }) => id))];
      return { answered, statuses: [...statuses], grown, stored, send };
    }

    it('does not store what was answered 503 and waited in the queue', async () => {
      const { answered, statuses, stored, send } = await sendFor(3_000, Plain, 10);
      expect(statuses).to.deep.equal([503]);
      expect(answered).to.have.length.above(50);
      // Eight statements are sent before any of them is answered. Each round sends two: the second one does not wait for
      // the first, because that one is slow.
      expect(stored).to.have.length.below(41);
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
}
