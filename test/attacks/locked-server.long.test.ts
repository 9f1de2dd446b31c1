import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { DragonpayCallback, OnStatus } from '../../src/index.js';
import { type DragonpayTables, KyselyRepository } from '../../src/kysely.js';
import { mysqlDialect } from '../../src/mysql.js';
import { dispatchSigned, paymentFields, testDragonpay } from '../support/dispatch-signed.js';
import { createMysqlDatabase, describeOnMariadb, type MysqlTestDatabase } from '../support/mysql-database.js';
import { rejection } from '../support/rejection.js';

@DragonpayCallback()
class Plain {}

@DragonpayCallback()
class Shipping {
  @OnStatus('S') ship() {}
}

/**
 * The statements of another session before it pauses. The last one stops all writes of the server, also for other
 * tests.
 */
const locks: Readonly<Record<string, string>> = {
  'of the rows': 'lock tables dragonpay_transactions write',
  'of the inbox': 'lock tables dragonpay_callbacks write',
  'against writes': 'lock tables dragonpay_transactions read, dragonpay_callbacks read',
  'of a backup': 'flush tables with read lock',
};

describeOnMariadb('A lock that another session of MariaDB holds', () => {
  let database: MysqlTestDatabase;
  let repository: KyselyRepository<DragonpayTables>;
  let count = 0;

  before(async () => {
    database = await createMysqlDatabase();
    repository = new KyselyRepository(database.db, { dialect: mysqlDialect, busyMilliseconds: 200 });
  });
  after(() => database?.destroy());

  /** The number of statements of this package that the server is running. */
  async function running(): Promise<unknown> {
    const left = "select count(*) as count from information_schema.processlist where info like '/* dragonpay-%'";
    return (await database.query(left))[0]?.count;
  }

  /** Sends callbacks while a lock is held, and again afterwards. */
  async function sendThrough(Class: typeof Plain, lock: () => Promise<() => Promise<unknown>>): Promise<void> {
    const limits = { storeMilliseconds: 1_500, handlerMilliseconds: 500 };
    const hooks = { stored() {}, handlerFailed() {} };
    const endpoint = testDragonpay({ repository, limits, hooks }).endpoint(Class);
    const txnids = Array.from({ length: 5 }, () => `T-${++count}`);
    for (const txnid of txnids) await repository.createPayment({ txnid, amount: '100.00' });
    const send = () => Promise.all(txnids.map((txnid) => dispatchSigned(endpoint, paymentFields({ txnid }))));

    const unlock = await lock();
    try {
      const startedAt = performance.now();
      for (const { body } of await send()) expect(body).to.equal('error=unstored');
      expect(performance.now() - startedAt, 'before the deadline').to.be.below(1_400);
      expect(await running()).to.equal(0);
    } finally {
      await unlock();
    }
    for (const { status } of await send()) expect(status).to.equal(200);
  }

  for (const Class of [Plain, Shipping]) {
    for (const [what, lock] of Object.entries(locks)) {
      it(`${what} keeps no statement of a callback waiting: ${Class.name}`, () =>
        sendThrough(Class, async () => {
          const other = await database.pool.promise().getConnection();
          await other.query(lock);
          return async () => {
            await other.query('unlock tables');
            other.release();
          };
        }));
    }

    it(`of an ALTER TABLE that waits keeps no statement of a callback waiting: ${Class.name}`, () =>
      sendThrough(Class, () => waitingAlter()));
  }

  /**
   * A session reads the table in a transaction. The ALTER TABLE of another session waits for it, and all others wait
   * for the ALTER TABLE.
   */
  async function waitingAlter(): Promise<() => Promise<unknown>> {
    const [reader, writer] = [
      await database.pool.promise().getConnection(),
      await database.pool.promise().getConnection(),
    ];
    await reader.query('begin');
    await reader.query('select count(*) from dragonpay_transactions');
    const altered = writer.query(`alter table dragonpay_transactions comment 'altered ${++count} times'`);
    const waiting = "select count(*) as count from information_schema.processlist where state like '%metadata lock%'";
    while ((await database.query(waiting))[0]?.count === 0) await sleep(10);
    return async () => {
      await reader.query('rollback');
      await altered;
      reader.release();
      writer.release();
    };
  }

  it('of an ALTER TABLE that waits keeps no statement of the program waiting', async () => {
    await repository.createPayment({ txnid: 'LOCKED', amount: '1.00' });
    const dragonpay = testDragonpay({ repository });
    dragonpay.endpoint(Plain);
    const calls: Record<string, () => Promise<unknown>> = {
      createPayment: () => repository.createPayment({ txnid: 'NEW', amount: '1.00' }),
      findPayment: () => repository.findPayment('LOCKED'),
      correct: () => dragonpay.correct('LOCKED', { status: 'F' }, { reason: 'seen by hand', by: 'Ana' }),
      claimOpenPayment: () => repository.claimOpenPayment({ olderThan: 0, lease: 1_000 }),
      claimPayment: () => repository.claimPayment('LOCKED', { lease: 1_000 }),
      claimEarlyEvent: () => repository.claimEarlyEvent({ lease: 1_000, kinds: ['payment'] }),
    };
    const unlock = await waitingAlter();
    try {
      for (const [call, run] of Object.entries(calls)) {
        const startedAt = performance.now();
        expect(await rejection(run()), call).to.include({ code: 'unstored' });
        expect(performance.now() - startedAt, call).to.be.below(3_000);
      }
      expect(await running()).to.equal(0);
    } finally {
      await unlock();
    }
  });
});
