import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import {
  createDragonpay,
  DragonpayCallback,
  type Job,
  type JobQueue,
  OnStatus,
  type Status,
  type StoredCallback,
} from '../../src/index.js';
import { KyselyRepository } from '../../src/kysely.js';
import { createTestDatabase } from '../support/database.js';
import { describeRepositories } from '../support/describe-repositories.js';
import { post, sha1Settings } from '../support/dispatch-signed.js';
import { rejection } from '../support/rejection.js';

const note = { reason: 'chargeback won & closed', by: 'Ana' };

describeRepositories('correct()', (repository) => {
  let effects: StoredCallback[] = [];
  let jobs: Job[] = [];
  const queue: JobQueue = { enqueue: async (_, job) => void jobs.push(job) };

  @DragonpayCallback()
  class Shop {
    @OnStatus('S')
    settle(callback: StoredCallback<'S'>) {
      effects.push(callback);
    }

    @OnStatus('S', { queue: 'ship' })
    ship() {}
  }

  beforeEach(() => {
    [effects, jobs] = [[], []];
  });

  function receiver() {
    const dragonpay = createDragonpay({ ...sha1Settings, repository: repository(), queue });
    dragonpay.endpoint(Shop);
    return dragonpay;
  }

  it('makes a move that the machine forbids, records it, and runs no effect', async () => {
    const dragonpay = receiver();
    await repository().createPayment({ txnid: 'T-1', amount: '100.00' });
    for (const status of ['S', 'R', 'K']) await post(dragonpay, Shop, { status });
    expect([effects.length, jobs.length]).to.deep.equal([1, 1]);
    const corrected = await repository().correct('T-1', { status: 'S' }, note);
    expect(corrected).to.deep.equal({ previous: 'K', current: 'S', key: 'payment:T-1:RFNO0001:S:1' });
    const row = await repository().findPayment('T-1');
    expect(row).to.include({ status: 'S', refno: 'RFNO0001', amount: '100.00' });
    expect(row?.reached).to.deep.equal(['S', 'R', 'K']);
    expect([effects.length, jobs.length]).to.deep.equal([1, 1]);
    const events = await repository().callbacks({ reason: 'corrected' });
    expect(events).to.have.length(1);
    expect(events[0]).to.deep.include({
      ...{ key: corrected.key, status: 'S', outcome: 'applied', proof: 'manual', keyId: 'Ana', method: null },
      reasons: ['corrected'],
    });
    expect(Object.fromEntries(new URLSearchParams(events[0]?.raw))).to.deep.equal({
      ...{ by: 'Ana', reason: 'chargeback won & closed', previous_status: 'K', status: 'S' },
    });
    expect((await repository().callbacks({ txnid: 'T-1' })).map(({ status }) => status)).to.have.members([
      ...['S', 'R', 'K', 'S'],
    ]);
  });

  it('numbers the corrections of a row, and pages through them', async () => {
    await repository().createPayment({ txnid: 'T-1', amount: '100.00' });
    const statuses: readonly Status[] = ['F', 'S', 'F', 'S', 'S'];
    for (const status of statuses) await repository().correct('T-1', { status }, note);
    const keys: string[] = [];
    for (let after: string | undefined; ; ) {
      const [event] = await repository().callbacks({ txnid: 'T-1', limit: 1, ...(after && { after }) });
      if (event === undefined) break;
      keys.push(event.key);
      after = event.cursor;
    }
    expect(keys.toSorted()).to.deep.equal(
      ['payment:T-1::F:1', 'payment:T-1::F:3', 'payment:T-1::S:2', 'payment:T-1::S:4', 'payment:T-1::S:5'].toSorted(),
    );
    expect((await repository().findPayment('T-1'))?.reached).to.deep.equal(['F', 'S']);
  });

  it('counts its status as reached: a callback that brings it later runs no effect', async () => {
    const dragonpay = receiver();
    await repository().createPayment({ txnid: 'T-1', amount: '100.00' });
    await repository().correct('T-1', { status: 'S', refno: 'RFNO0001' }, note);
    await post(dragonpay, Shop);
    expect(effects).to.deep.equal([]);
    expect((await repository().callbacks({ outcome: 'duplicate' })).length).to.equal(1);
  });

  it('changes amount, currency and refno, of payouts too', async () => {
    await repository().createPayout({ merchantTxnId: 'PO-1', amount: '100.00' });
    const change = { amount: '90', currency: 'USD', refno: 'NEW1' };
    const { key } = await repository().correct('PO-1', change, { ...note, kind: 'payout' });
    expect(key).to.equal('payout:PO-1:NEW1:P:1');
    expect(await repository().findPayout('PO-1')).to.include({ amount: '90.00', currency: 'USD', refno: 'NEW1' });
    expect(await rejection(repository().correct('PO-1', change, note))).to.include({ code: 'not-found' });
  });

  it('runs the effects on request: the method in the transaction, and a job of its own', async () => {
    const dragonpay = receiver();
    await repository().createPayment({ txnid: 'T-1', amount: '100.00' });
    for (const status of ['S', 'R', 'K']) await post(dragonpay, Shop, { status });
    await dragonpay.correct('T-1', { status: 'S' }, { ...note, runEffects: true });
    expect(effects).to.have.length(2);
    expect(effects[1]).to.deep.include({
      ...{ origin: 'correction', method: undefined, request: undefined, status: 'S' },
      update: { outcome: 'applied', previous: 'K', current: 'S', late: false },
      proof: { algorithm: 'manual', keyId: 'Ana' },
    });
    expect(effects[1]?.data).to.include({ txnid: 'T-1', refno: 'RFNO0001', amount: '100.00', message: note.reason });
    expect(new Set(jobs.map(({ key }) => key)).size).to.equal(2);
    await dragonpay.correct('T-1', { status: 'S', amount: '1.00' }, { ...note, runEffects: true });
    expect(effects, 'the status did not change').to.have.length(2);
    await dragonpay.correct('T-1', { status: 'K' }, note);
    expect(effects).to.have.length(2);
  });

  it('gives its effects the current row, also if a callback changed it meanwhile', async () => {
    const told: unknown[] = [];
    let began = () => {};
    const pending = new Promise<void>((resolve) => {
      began = resolve;
    });
    @DragonpayCallback()
    class Slow {
      @OnStatus('P')
      async wait() {
        began();
        await sleep(300);
      }

      @OnStatus('S')
      settle({ data }: StoredCallback<'S'>) {
        told.push(data.refno);
      }
    }
    const dragonpay = createDragonpay({ ...sha1Settings, repository: repository() });
    await repository().createPayment({ txnid: 'T-1', amount: '100.00' });
    const posted = post(dragonpay, Slow, { status: 'P' });
    await pending;
    await dragonpay.correct('T-1', { status: 'S' }, { ...note, runEffects: true });
    expect((await posted).status).to.equal(200);
    expect(told).to.deep.equal(['RFNO0001']);
  });

  it('rolls back with an effect that fails', async () => {
    @DragonpayCallback()
    class Failing {
      @OnStatus('S')
      settle() {
        throw new Error('no courier');
      }
    }
    const dragonpay = createDragonpay({ ...sha1Settings, repository: repository() });
    dragonpay.endpoint(Failing);
    await repository().createPayment({ txnid: 'T-1', amount: '100.00' });
    const options = { ...note, runEffects: true };
    expect(await rejection(dragonpay.correct('T-1', { status: 'S' }, options))).to.include({ message: 'no courier' });
    expect((await repository().findPayment('T-1'))?.status).to.equal('P');
    expect(await repository().callbacks()).to.deep.equal([]);
  });

  it('refuses a correction without a change, a reason or a person', async () => {
    await repository().createPayment({ txnid: 'T-1', amount: '100.00' });
    const cases: ReadonlyArray<readonly [string, object, object]> = [
      ['change', {}, note],
      ['status', { status: 'G' }, note],
      ['amount', { amount: '1,00' }, note],
      ['amount', { amount: '' }, note],
      ['currency', { currency: 'php' }, note],
      ['refno', { refno: 'a:b' }, note],
      ['reason', { status: 'S' }, { ...note, reason: ' ' }],
      ['by', { status: 'S' }, { ...note, by: 'x'.repeat(65) }],
    ];
    for (const [subject, change, options] of cases) {
      const error = await rejection(repository().correct('T-1', change, options as typeof note));
      expect(error, subject).to.include({ code: 'invalid-details', subject });
    }
    expect(await repository().callbacks()).to.deep.equal([]);
  });
});

describe('correct(), on PostgreSQL', () => {
  it('waits for a row that is locked, and says so where that takes too long', async () => {
    const database = await createTestDatabase();
    const client = await database.pool.connect();
    try {
      const repository = new KyselyRepository(database.db, { busyMilliseconds: 1 });
      await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
      await client.query('begin; select from dragonpay_transactions for update');
      const error = await rejection(repository.correct('T-1', { amount: '1.00' }, note));
      expect(error).to.include({ code: 'unstored' });
      const correcting = repository.correct('T-1', { amount: '1.00' }, note);
      await sleep(200);
      await client.query('rollback');
      expect(await correcting).to.include({ key: 'payment:T-1::P:1' });
    } finally {
      client.release();
      await database.destroy();
    }
  });
});
