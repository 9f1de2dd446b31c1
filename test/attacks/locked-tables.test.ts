import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { DragonpayCallback, type DragonpayError, OnStatus } from '../../src/index.js';
import { type DragonpayTables, KyselyRepository, withNamedStatements } from '../../src/kysely.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { dispatchSigned, paymentFields, testDragonpay } from '../support/dispatch-signed.js';
import { rejection } from '../support/rejection.js';

@DragonpayCallback()
class Plain {}

let effects = 0;

@DragonpayCallback()
class Shipping {
  @OnStatus('S') ship() {
    effects++;
  }
}

/** The statements of another session before it pauses. */
const locks: Readonly<Record<string, string>> = {
  'LOCK TABLE': 'lock table dragonpay_transactions in access exclusive mode',
  'ALTER TABLE': 'alter table dragonpay_transactions add column note text',
  'a lock of the inbox': 'lock table dragonpay_callbacks in share row exclusive mode',
};

for (const [name, lock] of Object.entries(locks)) {
  describe(`A table that another session locks by ${name}`, () => {
    let database: TestDatabase;
    let repository: KyselyRepository<DragonpayTables>;
    let other: pg.Client;
    const errors: DragonpayError[] = [];
    const hooks = {
      stored: ({ error }: { error?: unknown }) => {
        if (error !== undefined) errors.push(error as DragonpayError);
      },
      handlerFailed() {},
    };
    const busyMilliseconds = 200;

    before(async () => {
      database = await createTestDatabase();
      repository = new KyselyRepository(database.db, { busyMilliseconds });
      for (const txnid of ['T-1', 'T-2', 'T-3', 'T-4']) await repository.createPayment({ txnid, amount: '100.00' });
      other = new pg.Client({ connectionString: database.url });
      await other.connect();
    });
    beforeEach(async () => {
      errors.length = 0;
      effects = 0;
      await other.query('begin');
      await other.query(lock);
    });
    afterEach(() => other.query('rollback'));
    after(async () => {
      await other?.end();
      await database?.destroy();
    });

    /** Statements of this package that wait, and connections that are in use. */
    async function leftBehind(): Promise<readonly number[]> {
      const { rows } = await other.query(
        "select count(*)::int as count from pg_stat_activity where wait_event_type = 'Lock' and query like '/* dragonpay%'",
      );
      return [rows[0].count, database.pool.totalCount - database.pool.idleCount];
    }

    for (const Class of [Plain, Shipping]) {
      it(`keeps no statement of a callback waiting: ${Class.name}`, async () => {
        const endpoint = testDragonpay({ repository, hooks }).endpoint(Class);
        const startedAt = performance.now();
        const replies = await Promise.all(
          ['T-1', 'T-2', 'T-3'].map((txnid) => dispatchSigned(endpoint, paymentFields({ txnid }))),
        );
        expect(replies.map(({ body }) => body)).to.deep.equal(Array(3).fill('error=unstored'));
        expect(performance.now() - startedAt).to.be.below(3_000);
        expect(errors.map(({ message }) => message).join()).to.match(/locked table/);
        await sleep(50);
        expect(await leftBehind()).to.deep.equal([0, 0]);
        expect(effects).to.equal(0);
        await other.query('rollback');
        expect((await dispatchSigned(endpoint, paymentFields({ txnid: 'T-1' }))).status).to.equal(200);
        await other.query("update dragonpay_transactions set status = 'P', reached = 'P', refno = null");
        await other.query('delete from dragonpay_callbacks');
      });
    }

    it('keeps no statement of the program waiting', async () => {
      const dragonpay = testDragonpay({ repository, hooks });
      dragonpay.endpoint(Plain);
      const calls: Record<string, () => Promise<unknown>> =
        name === 'a lock of the inbox'
          ? { correct: () => dragonpay.correct('T-4', { status: 'F' }, { reason: 'seen by hand', by: 'Ana' }) }
          : {
              createPayment: () => repository.createPayment({ txnid: 'T-5', amount: '1.00' }),
              findPayment: () => repository.findPayment('T-1'),
              correct: () => dragonpay.correct('T-4', { status: 'F' }, { reason: 'seen by hand', by: 'Ana' }),
              claimOpenPayment: () => repository.claimOpenPayment({ olderThan: 0, lease: 1_000 }),
              claimPayment: () => repository.claimPayment('T-4', { lease: 1_000 }),
              claimEarlyEvent: () => repository.claimEarlyEvent({ lease: 1_000, kinds: ['payment'] }),
            };
      for (const [call, run] of Object.entries(calls)) {
        const startedAt = performance.now();
        expect(await rejection(run()), call).to.include({ code: 'unstored' });
        expect(performance.now() - startedAt, call).to.be.below(3_000);
      }
      await sleep(50);
      expect(await leftBehind()).to.deep.equal([0, 0]);
    });
  });
}

describe('A small pool with lock_timeout', () => {
  it('frees its connections although none is left to ask the server', async () => {
    const database = await createTestDatabase();
    const pool = new pg.Pool({ connectionString: database.url, max: 2, options: '-c lock_timeout=300' });
    const db = new Kysely<DragonpayTables>({ dialect: new PostgresDialect({ pool: withNamedStatements(pool) }) });
    const repository = new KyselyRepository(db);
    const errors: unknown[] = [];
    const hooks = { stored: ({ error }: { error?: unknown }) => errors.push(error) };
    const limits = { storeMilliseconds: 3_000 };
    const endpoint = testDragonpay({ repository, hooks, limits }).endpoint(Plain);
    const other = await database.pool.connect();
    await other.query('begin; lock table dragonpay_transactions in access exclusive mode');
    const replies: Promise<{ status: number }>[] = [];
    for (let index = 0; index < 6; index++) {
      replies.push(dispatchSigned(endpoint, paymentFields({ txnid: `T-${index}` })));
      await sleep(60);
    }
    for (const { status } of await Promise.all(replies)) expect(status).to.equal(503);
    expect(errors.map(String).join()).to.match(/locked table/);
    expect(pool.totalCount - pool.idleCount).to.equal(0);
    await other.query('rollback');
    other.release();
    await db.destroy();
    await database.destroy();
  });
});

describe('A transaction of the program', () => {
  it('may wait for a row of createPayment as long as it likes', async () => {
    const database = await createTestDatabase();
    const repository = new KyselyRepository(database.db, { busyMilliseconds: 100 });
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    await other.query('begin');
    await other.query("insert into dragonpay_transactions (txnid, amount) values ('T-1', 1)");
    const created = database.db
      .transaction()
      .execute((trx) => repository.createPayment({ txnid: 'T-1', amount: '100.00' }, { trx }));
    // A call outside of a transaction starts the look at waiting statements.
    const alone = repository.createPayment({ txnid: 'T-1', amount: '100.00' });
    await sleep(400);
    await other.query('rollback');
    const errors = await Promise.all([rejection(created), rejection(alone)]);
    expect(errors.map((error) => (error as DragonpayError | undefined)?.code)).to.have.members([
      undefined,
      'already-exists',
    ]);
    await other.end();
    await database.destroy();
  });
});
