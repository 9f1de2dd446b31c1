import { expect } from 'chai';
import {
  type CallbackReply,
  type CallbackRequest,
  createDragonpay,
  DragonpayCallback,
  MemoryRepository,
  OnDispatch,
  OnStatus,
  type StoredCallback,
} from '../../src/index.js';
import { KyselyRepository } from '../../src/kysely.js';
import { createTestDatabase } from '../support/database.js';
import { describeRepositories } from '../support/describe-repositories.js';
import { dispatchSigned, post, sha1Settings } from '../support/dispatch-signed.js';
import { rejection } from '../support/rejection.js';
import { startStandInGateway } from '../support/stand-in-gateway.js';

describeRepositories('replay()', (repository) => {
  let effects: StoredCallback[] = [];
  let fails = false;

  @DragonpayCallback()
  class Shop {
    @OnStatus('S', 'R')
    settle(callback: StoredCallback<'S' | 'R'>) {
      if (fails) throw new Error('no courier');
      effects.push(callback);
    }
  }

  beforeEach(() => {
    [effects, fails] = [[], false];
  });

  function receiver() {
    const dragonpay = createDragonpay({ ...sha1Settings, repository: repository() });
    dragonpay.endpoint(Shop, { kinds: ['payment'] });
    return dragonpay;
  }

  async function events() {
    const kept = await repository().callbacks();
    return kept.map(({ key, outcome, deliveries, reasons }) => {
      const name = key.replace(/:[0-9a-f]{8}_{16}$/, '');
      return [name, outcome, deliveries, ...reasons].join(' ');
    });
  }

  it('applies an event that came before its row, when the row exists', async () => {
    const dragonpay = receiver();
    await post(dragonpay, Shop, { message: 'over: the counter', param1: 'unsigned' });
    expect(await events()).to.deep.equal(['payment:T-1:RFNO0001:S not-found 1 not-found']);
    await repository().createPayment({ txnid: 'T-1', amount: '100.00' });
    const update = await dragonpay.replay('payment:T-1:RFNO0001:S');
    expect(update).to.deep.equal({ outcome: 'applied', previous: 'P', current: 'S', late: false });
    expect(await events()).to.deep.equal(['payment:T-1:RFNO0001:S applied 2 not-found']);
    expect(effects).to.have.length(1);
    expect(effects[0]).to.deep.include({
      ...{ origin: 'replay', method: 'POST', request: undefined, status: 'S' },
      data: { txnid: 'T-1', refno: 'RFNO0001', status: 'S', message: 'over: the counter' },
      unsigned: { amount: '100.00', param1: 'unsigned' },
      proof: { algorithm: 'sha1', keyId: 'secretKeys[0]' },
    });
  });

  it('applies a mismatch, once it is settled', async () => {
    const dragonpay = receiver();
    await repository().createPayment({ txnid: 'T-1', amount: '90.00' });
    await post(dragonpay, Shop);
    expect(await events()).to.deep.equal(['payment:T-1:RFNO0001:S mismatch 1 amount']);
    expect(await dragonpay.replay('payment:T-1:RFNO0001:S')).to.include({ outcome: 'mismatch' });
    await repository().correct('T-1', { amount: '100.00' }, { reason: 'a tip', by: 'Ana' });
    expect(await dragonpay.replay('payment:T-1:RFNO0001:S')).to.include({ outcome: 'applied' });
    expect((await repository().findPayment('T-1'))?.status).to.equal('S');
    expect(effects).to.have.length(1);
  });

  it('runs a failed effect again: its event was kept, although the row was rolled back', async () => {
    const dragonpay = receiver();
    await repository().createPayment({ txnid: 'T-1', amount: '100.00' });
    fails = true;
    expect((await post(dragonpay, Shop)).status).to.equal(500);
    expect((await repository().findPayment('T-1'))?.status).to.equal('P');
    expect(await events()).to.deep.equal(['payment:T-1:RFNO0001:S failed 1']);
    expect(await rejection(dragonpay.replay('payment:T-1:RFNO0001:S'))).to.include({ message: 'no courier' });
    expect(await events()).to.deep.equal(['payment:T-1:RFNO0001:S failed 2']);
    fails = false;
    expect(await dragonpay.replay('payment:T-1:RFNO0001:S')).to.include({ outcome: 'applied' });
    expect(await events()).to.deep.equal(['payment:T-1:RFNO0001:S applied 3']);
  });

  it('runs a failed effect again, although the same event had been a mismatch before', async () => {
    const dragonpay = receiver();
    await repository().createPayment({ txnid: 'T-1', amount: '100.00' });
    await post(dragonpay, Shop, { amount: '90.00' });
    fails = true;
    expect((await post(dragonpay, Shop)).status).to.equal(500);
    expect(await events()).to.deep.equal(['payment:T-1:RFNO0001:S failed 2 amount']);
    fails = false;
    expect(await dragonpay.replay('payment:T-1:RFNO0001:S')).to.include({ outcome: 'applied' });
    expect(effects[0]?.unsigned).to.include({ amount: '100.00' });
  });

  it('leaves an event applied if the failure of an earlier delivery is recorded late', async () => {
    const store = repository();
    const dragonpay = createDragonpay({ ...sha1Settings, repository: store });
    await store.createPayment({ txnid: 'T-1', amount: '100.00' });
    fails = true;
    const recordFailure = store.recordFailure.bind(store);
    store.recordFailure = async (callback) => {
      fails = false;
      expect((await post(dragonpay, Shop)).status).to.equal(200);
      await recordFailure(callback);
    };
    expect((await post(dragonpay, Shop, { param1: 'first' })).status).to.equal(500);
    const [event] = await store.callbacks();
    expect(event).to.include({ outcome: 'applied', deliveries: 2 });
    expect(event?.raw).not.to.include('param1');
  });

  it('leaves an applied event applied, and runs no effect twice', async () => {
    const dragonpay = receiver();
    await repository().createPayment({ txnid: 'T-1', amount: '100.00' });
    await post(dragonpay, Shop);
    expect(await dragonpay.replay('payment:T-1:RFNO0001:S')).to.include({ outcome: 'duplicate' });
    await post(dragonpay, Shop, { status: 'R' });
    expect(await dragonpay.replay('payment:T-1:RFNO0001:S')).to.include({ outcome: 'stale' });
    expect((await repository().findPayment('T-1'))?.status).to.equal('R');
    expect(effects.map(({ status }) => status)).to.deep.equal(['S', 'R']);
    expect((await repository().callbacks()).map(({ outcome }) => outcome)).to.deep.equal(['applied', 'applied']);
  });

  it('tells events apart by their keys; a key without its last part is of the oldest', async () => {
    const dragonpay = receiver();
    await repository().createPayment({ txnid: 'T-1', amount: '90.00' });
    await post(dragonpay, Shop, { message: 'first' });
    await post(dragonpay, Shop, { message: 'second', amount: '90.00' });
    const [first, second, ...others] = await repository().callbacks();
    expect(others).to.deep.equal([]);
    expect([first?.outcome, second?.outcome].sort()).to.deep.equal(['applied', 'mismatch']);
    const [late, applied] = first?.outcome === 'applied' ? [second, first] : [first, second];
    expect(await dragonpay.replay(applied?.key ?? '')).to.include({ outcome: 'duplicate' });
    expect(await dragonpay.replay(late?.key ?? '')).to.include({ outcome: 'mismatch' });
    expect(await dragonpay.replay('payment:T-1:RFNO0001:S')).to.include({ outcome: 'mismatch' });
    const deliveries = (await repository().callbacks()).map(({ outcome, deliveries }) => `${outcome} ${deliveries}`);
    expect(deliveries.sort()).to.deep.equal(['applied 2', 'mismatch 3']);
  });

  it('replays a payout with the class that is named', async () => {
    const paidOut: string[] = [];
    @DragonpayCallback()
    class Payouts {
      @OnStatus('S', { kind: 'payout' })
      done({ data, origin }: StoredCallback<'S', unknown, 'payout'>) {
        paidOut.push(`${data.merchantTxnId} ${origin}`);
      }
    }
    const dragonpay = receiver();
    const fields = { merchantTxnId: 'PO-1', refNo: 'RFPO0001', status: 'S', message: 'OK' };
    await dispatchSigned(dragonpay.endpoint(Payouts, { kinds: ['payout'] }), fields);
    await repository().createPayout({ merchantTxnId: 'PO-1', amount: '5.00', refno: 'RFPO0001' });
    expect(await dragonpay.replay('payout:PO-1:RFPO0001:S')).to.include({ outcome: 'applied' });
    expect(paidOut).to.deep.equal(['PO-1 replay']);
  });

  it('refuses a key that no event has', async () => {
    const dragonpay = receiver();
    expect(await rejection(dragonpay.replay('payment:T-1:RFNO0001:S'))).to.include({ code: 'no-such-event' });
    await repository().createPayment({ txnid: 'T-1', amount: '100.00' });
    const { key } = await repository().correct('T-1', { amount: '1.00' }, { reason: 'r', by: 'b' });
    await repository().correct('T-1', { status: 'S', refno: 'RFNO0001' }, { reason: 'r', by: 'b' });
    const corrected = await rejection(dragonpay.replay('payment:T-1:RFNO0001:S'));
    expect(corrected, 'a correction is no event').to.include({ code: 'no-such-event' });
    for (const none of ['', 'T-1', 'order:T-1:R:S', 'payment:T-1:R', 'payment:T-1:R:S:5', 'payment:T-1:R:S:a:b', key]) {
      expect(await rejection(dragonpay.replay(none)), none).to.include({ code: 'no-such-event' });
    }
  });

  it('replays the answer to an inquiry', async () => {
    const gateway = await startStandInGateway(() => ({ fields: { Param1: 'a:b' } }));
    try {
      const dragonpay = createDragonpay({
        ...{ ...sha1Settings, repository: repository(), apiKey: 'api key', environment: { gateway: gateway.url } },
      });
      dragonpay.endpoint(Shop, { kinds: ['payment'] });
      await repository().createPayment({ txnid: 'T-1', amount: '90.00' });
      expect(await dragonpay.reconcile({ txnids: ['T-1'] })).to.include({ review: 1 });
      await repository().correct('T-1', { amount: '100.00' }, { reason: 'a tip', by: 'Ana' });
      expect(await dragonpay.replay('payment:T-1:RFNO0001:S')).to.include({ outcome: 'applied' });
      expect(effects[0]).to.include({ origin: 'replay', method: undefined });
      expect(effects[0]?.data).to.include({ amount: '100.00', param1: 'a:b', merchantid: 'ACME' });
      expect(effects[0]?.proof).to.deep.equal({ algorithm: 'inquiry', keyId: 'apiKey' });
    } finally {
      await gateway.close();
    }
  });
});

describe('confirm', () => {
  const shop = { shipped: 0 };
  @DragonpayCallback()
  class Shop {
    @OnStatus('S', 'P')
    ship() {
      shop.shipped++;
    }
  }

  it('asks the gateway before it stores, and stores nothing unless it agrees', async () => {
    const gateway = await startStandInGateway();
    const database = await createTestDatabase({ poolSize: 1 });
    try {
      const repository = new KyselyRepository(database.db);
      const make = (confirm: 'final' | 'always' | 'never') =>
        createDragonpay({
          ...{ ...sha1Settings, repository, confirm, apiKey: 'api key', environment: { gateway: gateway.url } },
        });
      await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
      const cases = [
        ['is down', () => ({ status: 500 })],
        ['refuses the merchant', () => ({ status: 401 })],
        ['does not know the payment', () => ({ status: 404 })],
        ['says U', () => ({ fields: { Status: 'U' } })],
        ['says P', () => ({ fields: { Status: 'P' } })],
        ['says F', () => ({ fields: { Status: 'F' } })],
        ['names another reference', () => ({ fields: { RefNo: 'OTHER' } })],
        ['names another amount', () => ({ fields: { Amount: '99.99' } })],
        ['is about another merchant', () => ({ fields: { MerchantId: 'OTHER' } })],
      ] as const;
      for (const [name, script] of cases) {
        gateway.answer(script);
        gateway.asked.length = 0;
        const reply = await post(make('final'), Shop);
        expect(gateway.asked, `${name}: nobody is kept waiting for a second try`).to.deep.equal(['T-1']);
        expect([reply.status, reply.headers['Retry-After']], name).to.deep.equal([503, '30']);
      }
      gateway.answer(() => ({ fields: { Currency: 'USD' } }));
      expect((await post(make('final'), Shop, { ccy: 'PHP' })).status, 'names another currency').to.equal(503);
      expect(await repository.callbacks()).to.deep.equal([]);
      expect(shop.shipped).to.equal(0);

      gateway.asked.length = 0;
      expect((await post(make('final'), Shop, { status: 'P' })).status).to.equal(200);
      expect(gateway.asked, 'P is not final').to.deep.equal([]);
      gateway.answer(async () => {
        await database.pool.query('select 1');
        return { fields: {} };
      });
      expect((await post(make('final'), Shop)).status, 'no connection is held').to.equal(200);
      expect((await repository.findPayment('T-1'))?.status).to.equal('S');
      expect(shop.shipped).to.equal(2);
      expect(gateway.asked).to.deep.equal(['T-1']);
      expect((await post(make('final'), Shop)).status, 'a duplicate costs no inquiry').to.equal(200);
      expect((await post(make('final'), Shop, { status: 'F' })).status, 'nor does a stale one').to.equal(200);
      expect(gateway.asked).to.deep.equal(['T-1']);

      await repository.createPayment({ txnid: 'T-2', amount: '100.00' });
      gateway.answer(() => ({ fields: { Status: 'P' } }));
      expect((await post(make('always'), Shop, { txnid: 'T-2', status: 'P' })).status).to.equal(200);
      expect(gateway.asked).to.deep.equal(['T-1', 'T-2']);
      expect((await post(make('never'), Shop, { txnid: 'T-2' })).status).to.equal(200);
      expect(gateway.asked).to.deep.equal(['T-1', 'T-2']);
    } finally {
      await gateway.close();
      await database.destroy();
    }
  });

  it('has close() wait for an inquiry whose callback was answered already', async () => {
    const gateway = await startStandInGateway();
    @DragonpayCallback()
    class Hasty {
      @OnDispatch() around(_: CallbackRequest, next: () => Promise<CallbackReply>): CallbackReply {
        void next();
        return { status: 200, headers: {}, body: '' };
      }
    }
    try {
      const repository = new MemoryRepository();
      await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
      const dragonpay = createDragonpay({
        ...{ ...sha1Settings, repository, confirm: 'final', apiKey: 'api key', environment: { gateway: gateway.url } },
      });
      let answer = () => {};
      gateway.answer(() => new Promise((resolve) => (answer = () => resolve({ fields: {} }))));
      expect((await post(dragonpay, Hasty)).status).to.equal(200);
      while (gateway.asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      const closed = dragonpay.close();
      setTimeout(() => answer(), 50);
      expect(await closed).to.equal(true);
      expect((await repository.findPayment('T-1'))?.status).to.equal('S');
    } finally {
      await gateway.close();
    }
  });

  it('does not ask about payouts, of which the gateway has no inquiry', async () => {
    const gateway = await startStandInGateway();
    try {
      const repository = new MemoryRepository();
      await repository.createPayout({ merchantTxnId: 'PO-1', amount: '100.00', refno: 'RFNO0001' });
      const dragonpay = createDragonpay({
        ...{ ...sha1Settings, repository, confirm: 'always', apiKey: 'api key', environment: { gateway: gateway.url } },
      });
      const fields = { merchantTxnId: 'PO-1', refNo: 'RFNO0001', status: 'S', message: 'OK' };
      const reply = await dispatchSigned(dragonpay.endpoint(Shop), fields);
      expect(reply.status).to.equal(200);
      expect((await repository.findPayout('PO-1'))?.status).to.equal('S');
      expect(gateway.asked).to.deep.equal([]);
    } finally {
      await gateway.close();
    }
  });

  it('checks the gateway’s amount and currency if the callback has none', async () => {
    const gateway = await startStandInGateway();
    const database = await createTestDatabase();
    try {
      for (const repository of [new KyselyRepository(database.db), new MemoryRepository()]) {
        const dragonpay = createDragonpay({
          ...{
            ...sha1Settings,
            repository,
            confirm: 'final',
            apiKey: 'api key',
            environment: { gateway: gateway.url },
          },
        });
        for (const [index, fields] of [{ Amount: '1.0' }, { Currency: 'USD' }].entries()) {
          const txnid = `T-${index}`;
          await repository.createPayment({ txnid, amount: '100.00' });
          gateway.answer(() => ({ fields }));
          expect((await post(dragonpay, Shop, { txnid, amount: '' })).status).to.equal(200);
          expect((await repository.findPayment(txnid))?.status, JSON.stringify(fields)).to.equal('P');
          expect((await repository.callbacks({ txnid }))[0]).to.include({ outcome: 'mismatch' });
        }
      }
    } finally {
      await gateway.close();
      await database.destroy();
    }
  });

  it('setting needs an API key and must be one of three values', () => {
    expect(() => createDragonpay({ ...sha1Settings, confirm: 'final' })).to.throw(/^apiKey is required for confirm/);
    expect(() => createDragonpay({ ...sha1Settings, confirm: 'maybe' as 'final' })).to.throw(/^confirm must be/);
    expect(() => createDragonpay({ ...sha1Settings, inquiry: { attempts: 0 } })).to.throw(/^inquiry.attempts must be/);
    expect(() => createDragonpay({ ...sha1Settings, inquiry: 5 as never })).to.throw(/^inquiry must be an object/);
  });
});
