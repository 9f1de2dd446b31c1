import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { CamelCasePlugin, type Transaction } from 'kysely';
import { runInTransaction } from '../../adapters/queues/kysely-transaction.js';
import { pgBossQueue } from '../../adapters/queues/pg-boss.js';
import {
  type AppliedUpdate,
  createDragonpay,
  type Dragonpay,
  DragonpayCallback,
  DragonpayError,
  type Job,
  type JobQueue,
  MemoryRepository,
  OnStatus,
  type QueuedCallback,
  type StoredCallback,
} from '../../src/index.js';
import { type DragonpayTables, KyselyRepository } from '../../src/kysely.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { dispatchSigned, post, sha1Settings } from '../support/dispatch-signed.js';
import { queues, type ReadyQueue } from '../support/queues.js';
import { rejection } from '../support/rejection.js';

type Database = DragonpayTables & { work: { key: string; event: 'began' | 'shipped' | 'paid' } };

const none = () => undefined;

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 15_000; !(await condition()); await sleep(25)) {
    if (performance.now() > deadline) throw new Error('it did not come to that in time');
  }
}

for (const [name, makeReady] of Object.entries(queues)) {
  describe(`@OnStatus with a queue of ${name}`, function () {
    this.timeout(60_000);
    let database: TestDatabase;
    let repository: KyselyRepository<Database>;
    let ready: ReadyQueue;
    let seen: QueuedCallback<'S' | 'F'>[] = [];
    let paidFails = false;
    let shipFails = 0;

    @DragonpayCallback()
    class Shop {
      @OnStatus('S')
      async pay({ trx, data }: StoredCallback<'S', Transaction<Database>>) {
        await trx.insertInto('work').values({ key: data.txnid, event: 'paid' }).execute();
        if (paidFails) throw new Error('not paid');
      }

      @OnStatus('S', 'F', { queue: 'ship' })
      async ship(callback: QueuedCallback<'S' | 'F'>) {
        if (shipFails-- > 0) throw new Error('no courier');
        seen.push(callback);
      }
    }

    @DragonpayCallback()
    class Unqueued {
      @OnStatus('S', { queue: 'no-such-queue' })
      ship() {}
    }

    before(async () => {
      database = await createTestDatabase();
      repository = new KyselyRepository(database.db as never);
      await database.pool.query('create table work (key text not null, event text not null)');
      await database.pool.query(`create unique index on work (key, event) where event = 'shipped'`);
      ready = await makeReady(database.url);
    });
    beforeEach(async () => {
      await database.pool.query('truncate dragonpay_transactions, dragonpay_callbacks, work');
      [seen, paidFails, shipFails] = [[], false, 0];
      await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
    });
    after(async () => {
      await ready?.stop();
      await database?.destroy();
    });

    function receiver(): Dragonpay {
      return createDragonpay({ ...sha1Settings, repository, queue: ready.queue });
    }

    it('enqueues one job per status, and none if the transaction rolls back', async () => {
      const dragonpay = receiver();
      paidFails = true;
      expect((await post(dragonpay, Shop)).status).to.equal(500);
      expect(await ready.waiting()).to.equal(0);
      paidFails = false;
      expect((await post(dragonpay, Shop)).status).to.equal(200);
      expect(await ready.waiting()).to.equal(1);
      await Promise.all(Array.from({ length: 5 }, () => post(dragonpay, Shop)));
      expect(await ready.waiting()).to.equal(1);
      const { rows } = await database.pool.query('select key, event from work');
      expect(rows).to.deep.equal([{ key: 'T-1', event: 'paid' }]);
    });

    it('takes a job back with the transaction that it was enqueued in', async () => {
      const queue: JobQueue<Transaction<Database>> = {
        async enqueue(trx, job) {
          await ready.queue.enqueue(trx, job);
          throw new Error('the line went dead');
        },
      };
      const before = await ready.waiting();
      await repository.createPayment({ txnid: 'T-8', amount: '100.00' });
      const dragonpay = createDragonpay({ ...sha1Settings, repository, queue });
      expect((await post(dragonpay, Shop, { txnid: 'T-8' })).status).to.equal(500);
      expect(await ready.waiting()).to.equal(before);
    });

    function enqueue(id: string): Promise<void> {
      const callback = { kind: 'payment', id, status: 'S', data: {}, unsigned: {}, proof: {} };
      const update: AppliedUpdate = { outcome: 'applied', previous: 'P', current: 'S', late: false };
      const key = `ship:payment:${id}:S`;
      const job = { queue: 'ship', key, payload: { ...callback, update, queue: 'ship', key } } as never;
      return database.db.transaction().execute((trx) => ready.queue.enqueue(trx, job));
    }

    it('adds no second job of a key', async () => {
      const before = await ready.waiting();
      for (let time = 0; time < 3; time++) await enqueue('T-9');
      expect(await ready.waiting()).to.equal(before + 1);
    });

    if (name === 'graphile-worker') {
      it('adds no second job of a key that is in work', async () => {
        const key = 'ship:payment:T-10:S';
        await enqueue('T-10');
        await database.pool.query('update graphile_worker._private_jobs set locked_at = now() where key = $1', [key]);
        const before = await ready.waiting();
        await enqueue('T-10');
        expect(await ready.waiting()).to.equal(before);
        await database.pool.query('delete from graphile_worker._private_jobs where key = $1', [key]);
      });
    }

    it('has the worker call the method with what was stored, and again after it failed', async () => {
      await post(receiver(), Shop, { txnid: 'T-1' });
      await repository.createPayment({ txnid: 'T-2', amount: '100.00' });
      await post(receiver(), Shop, { txnid: 'T-2', status: 'F', param1: 'mine' });
      shipFails = 1;
      await ready.work(receiver().work(Shop));
      await until(() => ['T-1', 'T-2', undefined].every((id) => seen.some(({ data }) => data.txnid === id)));
      expect(seen).to.have.length(3);
      const callback = seen.find(({ data }) => data.txnid === 'T-2') as QueuedCallback<'F'>;
      expect(callback).to.deep.include({
        ...{ valid: true, kind: 'payment', origin: 'callback', method: 'POST', status: 'F' },
        data: { txnid: 'T-2', refno: 'RFNO0001', status: 'F', message: 'OK' },
        unsigned: { amount: '100.00', param1: 'mine' },
        proof: { algorithm: 'sha1', keyId: 'secretKeys[0]' },
        update: { outcome: 'applied', previous: 'P', current: 'F', late: false },
        job: { queue: 'ship', key: 'ship:payment:T-2:F' },
      });
      expect(callback.signal.aborted).to.equal(false);
      expect((await callback.stored())?.status).to.equal('F');
      await until(async () => (await ready.waiting()) === 0);
    });

    if (name === 'pg-boss') {
      it('stores nothing for a queue that does not exist', async () => {
        expect((await post(receiver(), Unqueued)).status).to.equal(500);
        expect((await repository.findPayment('T-1'))?.status).to.equal('P');
      });
    }
  });
}

describe('@OnStatus with a queue', () => {
  it('of pg-boss takes a job for added that went to the archive meanwhile', async () => {
    const asked: unknown[] = [];
    const boss = {
      send: async () => null,
      getJobById: async (_queue: string, _id: string, options: { includeArchive: boolean }) => {
        asked.push(options.includeArchive);
        return options.includeArchive ? {} : null;
      },
    };
    const job = { queue: 'ship', key: 'ship:payment:T-1:S', payload: {} };
    await pgBossQueue(boss as never).enqueue({} as never, job as never);
    expect(asked).to.deep.equal([true]);
  });

  @DragonpayCallback()
  class Shop {
    @OnStatus('S', { queue: 'ship' })
    ship() {}
  }

  it('wants a queue in the settings', () => {
    const dragonpay = createDragonpay({ ...sha1Settings, repository: new MemoryRepository() });
    expect(() => dragonpay.endpoint(Shop))
      .to.throw(DragonpayError)
      .that.includes({ code: 'invalid-setting', subject: 'queue' });
    expect(() => createDragonpay({ ...sha1Settings, queue: {} as JobQueue })).to.throw(DragonpayError, /enqueue/);
  });

  it('allows one method per status in the transaction and one per queue', () => {
    class Base {
      @OnStatus('S') pay() {}
      @OnStatus('S', { queue: 'ship' }) ship() {}
      @OnStatus('S', 'F', { queue: 'mail' }) mail() {}
    }
    @DragonpayCallback()
    class Right extends Base {}
    @DragonpayCallback()
    class Twice extends Base {
      @OnStatus('S', { queue: 'x' }) one() {}
      @OnStatus('S', { queue: 'x' }) two() {}
    }
    @DragonpayCallback()
    class Nameless {
      @OnStatus('S', { queue: 'no name' }) one() {}
    }
    const queue: JobQueue = { enqueue: async () => {} };
    const dragonpay = createDragonpay({ ...sha1Settings, repository: new MemoryRepository(), queue });
    expect(dragonpay.work(Right).queues).to.have.members(['ship', 'mail']);
    expect(() => dragonpay.work(Twice)).to.throw(DragonpayError, /two methods/);
    expect(() => dragonpay.work(Nameless)).to.throw(DragonpayError, /has an invalid queue name/);
  });

  it('refuses jobs that are not for it, and takes a job of one’s own queue', async () => {
    const jobs: unknown[] = [];
    const queue: JobQueue = { enqueue: async (_, { payload }) => void jobs.push(JSON.parse(JSON.stringify(payload))) };
    const repository = new MemoryRepository();
    await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
    const dragonpay = createDragonpay({ ...sha1Settings, repository, queue });
    expect((await post(dragonpay, Shop)).status).to.equal(200);
    expect(jobs).to.have.length(1);
    const worker = dragonpay.work(Shop);
    await worker.run(jobs[0]);
    const closed = createDragonpay({ ...sha1Settings, repository, queue });
    await closed.close();
    expect(await rejection(closed.work(Shop).run(jobs[0])), 'the queue tries elsewhere').to.include({
      code: 'closing',
    });
    for (const job of [
      undefined,
      {},
      { ...(jobs[0] as object), data: null },
      { ...(jobs[0] as object), queue: 'mail' },
      { ...(jobs[0] as object), status: 'F' },
      { ...(jobs[0] as object), kind: 'payout' },
    ]) {
      expect(await rejection(worker.run(job))).to.include({ code: 'job-refused' });
    }
    const nobody = createDragonpay({ ...sha1Settings, repository, queue, resolver: { get: () => undefined } });
    expect(await rejection(nobody.work(Shop).run(jobs[0]))).to.include({ code: 'handler-failed' });
  });

  it('has close() wait for the job that is in work', async () => {
    let done = false;
    @DragonpayCallback()
    class Slow {
      @OnStatus('S', { queue: 'ship' })
      async ship() {
        await sleep(200);
        done = true;
      }
    }
    const jobs: unknown[] = [];
    const queue: JobQueue = { enqueue: async (_, { payload }) => void jobs.push(payload) };
    const repository = new MemoryRepository();
    await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
    const dragonpay = createDragonpay({ ...sha1Settings, repository, queue });
    await post(dragonpay, Slow);
    const running = dragonpay.work(Slow).run(jobs[0]);
    expect(await dragonpay.close()).to.equal(true);
    expect(done).to.equal(true);
    await running;
  });

  it('stores nothing where the queue fails, however it fails', async () => {
    const database = await createTestDatabase();
    try {
      const repository = new KyselyRepository(database.db);
      await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
      const ways: Readonly<Record<string, readonly [JobQueue<Transaction<DragonpayTables>>['enqueue'], number]>> = {
        rejects: [() => Promise.reject(new Error('full')), 500],
        throws: [
          () => {
            throw new Error('full');
          },
          500,
        ],
        hangs: [() => new Promise(() => {}), 503],
        'swallows a failed query': [(trx) => runInTransaction(trx, 'select nothing', []).then(none, none), 503],
      };
      for (const [way, [enqueue, status]] of Object.entries(ways)) {
        const limits = { handlerMilliseconds: 300 };
        const dragonpay = createDragonpay({ ...sha1Settings, repository, queue: { enqueue }, limits });
        expect((await post(dragonpay, Shop)).status, way).to.equal(status);
        expect((await repository.findPayment('T-1'))?.status, way).to.equal('P');
      }
    } finally {
      await database.destroy();
    }
  });

  it('enqueues for each queue, for payouts, and for a GET that may store', async () => {
    const jobs: Job[] = [];
    const called: string[] = [];
    const queue: JobQueue = { enqueue: async (_, job) => void jobs.push(job) };
    @DragonpayCallback({ updateOnGet: true })
    class Both {
      @OnStatus('S', { queue: 'ship' }) ship() {
        called.push('ship');
      }
      @OnStatus('S', { queue: 'mail' }) mail() {
        called.push('mail');
      }
      @OnStatus('S', { kind: 'payout', queue: 'ship' }) tell() {
        called.push('tell');
      }
    }
    const repository = new MemoryRepository();
    await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
    await repository.createPayout({ merchantTxnId: 'T-1', amount: '100.00', refno: 'R-1' });
    const dragonpay = createDragonpay({ ...sha1Settings, repository, queue });
    const endpoint = dragonpay.endpoint(Both);
    for (const id of ['txnid', 'merchantTxnId']) {
      const fields = { [id]: 'T-1', refno: 'R-1', status: 'S', message: 'OK', amount: '100.00' };
      const reply = await dispatchSigned(endpoint, fields, 'GET');
      expect(reply.status).to.equal(200);
    }
    expect(jobs.map(({ key, payload }) => `${key} ${payload.method}`)).to.deep.equal([
      'ship:payment:T-1:S GET',
      'mail:payment:T-1:S GET',
      'ship:payout:T-1:S GET',
    ]);
    for (const { payload } of jobs) await dragonpay.work(Both).run(payload);
    expect(called).to.deep.equal(['ship', 'mail', 'tell']);
  });

  it('writes past the plugins of the Kysely that the status is stored through', async () => {
    const database = await createTestDatabase();
    try {
      const db = database.db.withPlugin(new CamelCasePlugin());
      const { rows } = await db.transaction().execute((trx) => runInTransaction(trx, 'select 1 as some_column', []));
      expect(rows).to.deep.equal([{ some_column: 1 }]);
    } finally {
      await database.destroy();
    }
  });

  it('does not compile with a method that expects the transaction', () => {
    class Wrong {
      // @ts-expect-error there is no trx after the commit
      @OnStatus('S', { queue: 'ship' })
      ship(_callback: StoredCallback<'S', Transaction<Database>>) {}
      // @ts-expect-error the queue also brings failed payments
      @OnStatus('S', 'F', { queue: 'ship' })
      also(_callback: QueuedCallback<'S'>) {}
    }
    expect(Wrong).to.be.a('function');
  });
});
