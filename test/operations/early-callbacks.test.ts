import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import {
  createDragonpay,
  type Dragonpay,
  DragonpayCallback,
  type DragonpaySettings,
  type MerchantRepository,
  OnPost,
  OnStatus,
  type StoredEvent,
} from '../../src/index.js';
import type { BodyRead } from '../../src/model/callback-request.js';
import { deliver as deliverForm, encodeCallback, signCallback } from '../../src/testing.js';
import { makeRequest } from '../support/callback-request.js';
import { describeRepositories } from '../support/describe-repositories.js';
import { dispatchSigned, secretKey, sha1Settings } from '../support/dispatch-signed.js';

const kinds = ['payment', 'payout'] as const;

const fields = (txnid: string, status = 'S', refno = 'R-1') => ({ txnid, refno, status, message: '' });

describeRepositories('callbacks that come before their row', (repository) => {
  const open: Dragonpay[] = [];
  afterEach(async () => {
    for (const dragonpay of open.splice(0)) expect(await dragonpay.close()).to.equal(true);
  });

  /** A process: its endpoint, the effects that it ran, and a switch that lets them fail. */
  function process(settings: Partial<DragonpaySettings> = {}, store: MerchantRepository = repository()) {
    const effects: string[] = [];
    const state = { fails: false, effects };
    @DragonpayCallback()
    class Shop {
      @OnStatus('S', 'P', 'F') ship({ data, status }: { data: { txnid: string }; status: string }) {
        if (state.fails) throw new Error('no stock');
        effects.push(`${data.txnid} ${status}`);
      }

      @OnPost() answer({ update }: { valid: boolean; update: { outcome: string } }) {
        return update.outcome;
      }
    }
    const dragonpay = createDragonpay({ ...sha1Settings, repository: store, ...settings });
    open.push(dragonpay);
    const endpoint = dragonpay.endpoint(Shop);
    const deliver = async (...given: Parameters<typeof fields>) => {
      const { status, body } = await dispatchSigned(endpoint, fields(...given));
      return `${status} ${body}`;
    };
    return Object.assign(state, { dragonpay, deliver, endpoint });
  }

  const impatient = { limits: { earlyMilliseconds: 0 } };
  const create = (txnid: string) => repository().createPayment({ txnid, amount: '100.00' });
  const statusOf = async (txnid: string) => (await repository().findPayment(txnid))?.status;

  async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < 200; tries++) {
      if (await holds()) return;
      await sleep(20);
    }
    throw new Error('it did not come to pass');
  }

  it('are applied with their effect where the row comes within the wait', async () => {
    const { deliver, effects } = process();
    const delivered = deliver('T-1');
    await sleep(150);
    await create('T-1');
    expect(await delivered).to.equal('200 applied');
    expect([effects, await statusOf('T-1')]).to.deep.equal([['T-1 S'], 'S']);
  });

  it('are applied in the order of their arrival where several wait for one row', async () => {
    const { deliver, effects } = process();
    for (const txnid of ['T-1', 'T-2', 'T-3']) {
      const first = deliver(txnid, 'P');
      await sleep(500);
      const second = deliver(txnid, 'S');
      await sleep(30);
      await create(txnid);
      expect([await first, await second]).to.deep.equal(['200 applied', '200 applied']);
    }
    expect(effects).to.deep.equal(['T-1', 'T-2', 'T-3'].flatMap((txnid) => [`${txnid} P`, `${txnid} S`]));
  });

  it('are recorded and answered as not-found when the wait is over', async () => {
    const { deliver } = process({ limits: { earlyMilliseconds: 100 } });
    const startedAt = performance.now();
    expect(await deliver('T-1')).to.equal('200 not-found');
    expect(performance.now() - startedAt).to.be.within(90, 1_500);
    const [event] = await repository().callbacks({ txnid: 'T-1' });
    expect(event).to.include({ outcome: 'not-found', deliveries: 1 });
  });

  it('are answered at once where nothing is to be waited for, and where the row is there', async () => {
    const { deliver } = process(impatient);
    await create('T-2');
    const startedAt = performance.now();
    expect([await deliver('T-1'), await deliver('T-2')]).to.deep.equal(['200 not-found', '200 applied']);
    expect(performance.now() - startedAt).to.be.below(1_000);
  });

  it('are applied once, in the order of their arrival, by reconcile() without an API key', async () => {
    const { deliver, dragonpay, effects } = process(impatient);
    await deliver('T-1', 'P');
    await sleep(5);
    await deliver('T-1', 'S');
    await deliver('T-2', 'S');
    expect(await dragonpay.reconcile()).to.include({ caughtUp: 0 });
    await create('T-1');
    expect(await dragonpay.reconcile()).to.include({ caughtUp: 2, asked: 0, stopped: false });
    expect(effects).to.deep.equal(['T-1 P', 'T-1 S']);
    expect(await dragonpay.reconcile()).to.include({ caughtUp: 0 });
    expect([await statusOf('T-1'), await deliver('T-1', 'S')]).to.deep.equal(['S', '200 duplicate']);
    expect(effects).to.have.length(2);
  });

  it('are left to the next run when the signal of reconcile() aborts', async () => {
    const { deliver, dragonpay, effects } = process(impatient);
    for (const txnid of ['T-1', 'T-2', 'T-3']) {
      await deliver(txnid);
      await create(txnid);
    }
    const controller = new AbortController();
    const push = effects.push.bind(effects);
    effects.push = (...effect) => {
      controller.abort();
      return push(...effect);
    };
    expect(await dragonpay.reconcile({ signal: controller.signal })).to.include({ caughtUp: 1 });
    expect(await dragonpay.reconcile()).to.include({ caughtUp: 2 });
  });

  it('do not keep back later ones of their row if one cannot be read; a hook is told', async () => {
    const store = repository();
    const told: string[] = [];
    const hooks = {
      ...sha1Settings.hooks,
      stored: ({ id, status, origin, update, error }: StoredEvent) =>
        void told.push([id, status, origin, JSON.stringify(update), (error as { code?: string })?.code].join(' ')),
    };
    const { deliver, dragonpay, effects } = process({ ...impatient, hooks }, store);
    await deliver('T-1', 'P');
    await sleep(5);
    await deliver('T-1', 'S');
    await create('T-1');
    const findEvent = store.findEvent.bind(store);
    store.findEvent = async (key) => {
      const event = await findEvent(key);
      return event && key.status === 'P' ? { ...event, raw: 'a damaged form' } : event;
    };
    told.length = 0;
    expect(await dragonpay.reconcile()).to.include({ caughtUp: 1 });
    expect([effects, await statusOf('T-1')]).to.deep.equal([['T-1 S'], 'S']);
    expect(told[0]).to.equal('T-1 P replay {"outcome":"unstored"} event-unreadable');
    const outcomes = (await store.callbacks()).map(({ status, outcome }) => `${status} ${outcome}`);
    expect(outcomes.sort()).to.deep.equal(['P failed', 'S applied']);
  });

  describe('of which deliveries differ in a value that no proof covers', () => {
    const right = { ccy: 'PHP', amount: '100.00' };
    const wrong = { ccy: 'USD', amount: '100.00' };
    const less = { ccy: 'PHP', amount: '1.00' };

    /** Delivers one event in several forms before its row, makes the row, delivers more, and catches up. */
    async function told(before: readonly object[], after: readonly object[]) {
      const { dragonpay, effects, endpoint } = process(impatient);
      const replies: string[] = [];
      const send = async (unsigned: object) => {
        const { status, body } = await dispatchSigned(endpoint, { ...fields('T-1'), ...unsigned });
        replies.push(`${status} ${body}`);
      };
      for (const unsigned of before) await send(unsigned);
      await create('T-1');
      for (const unsigned of after) await send(unsigned);
      const { caughtUp } = await dragonpay.reconcile();
      const again = await dragonpay.reconcile();
      const [event, ...others] = await repository().callbacks({ txnid: 'T-1' });
      expect([others, again.caughtUp]).to.deep.equal([[], 0]);
      expect(event?.deliveries).to.be.at.least(before.length + after.length);
      const ccy = new URLSearchParams(event?.raw).get('ccy');
      return { replies, caughtUp, effects, row: await statusOf('T-1'), outcome: event?.outcome, ccy };
    }

    const applied = { effects: ['T-1 S'], row: 'S', outcome: 'applied', ccy: 'PHP' };
    const kept = { caughtUp: 0, effects: [], row: 'P', outcome: 'mismatch' };

    const orders: readonly (readonly [string, readonly object[], readonly object[]])[] = [
      ['a right one, then a wrong one', [right, wrong], []],
      ['a wrong one, then a right one', [wrong, right], []],
      ['a right one among wrong ones', [wrong, less, right, wrong, less], []],
      ['a right one, and a wrong one when the row is there', [right], [wrong]],
      ['both, and a wrong one when the row is there', [wrong, right], [wrong, less]],
    ];
    for (const [title, before, after] of orders) {
      it(`are applied from the one that fits: ${title}`, async () => {
        expect(await told(before, after)).to.deep.include({ ...applied, caughtUp: 1 });
      });
    }

    it('are applied by the right delivery itself where it comes after the row', async () => {
      expect(await told([wrong], [right])).to.deep.include({ ...applied, caughtUp: 0 });
    });

    it('are kept for review, and not tried again, where no delivery fits the row', async () => {
      expect(await told([wrong, less], [])).to.deep.include(kept);
    });

    it('are kept for review where the same wrong one comes again when the row is there', async () => {
      expect(await told([wrong], [wrong])).to.deep.include(kept);
    });

    it('keep no more than eight forms', async () => {
      const many = Array.from({ length: 20 }, (_, number) => ({ ...right, amount: `${number + 1}.00` }));
      expect(await told(many, [])).to.deep.include(kept);
      const event = await repository().findEvent({ kind: 'payment', id: 'T-1', refno: 'R-1', status: 'S' });
      expect(event?.forms?.split(' ')).to.have.length(8);
    });

    it('are applied again by replay() after a method failed, whatever comes between', async () => {
      const one = process(impatient);
      await dispatchSigned(one.endpoint, { ...fields('T-1'), ...wrong });
      await dispatchSigned(one.endpoint, { ...fields('T-1'), ...right });
      await create('T-1');
      one.fails = true;
      expect(await one.dragonpay.reconcile()).to.include({ caughtUp: 0 });
      await dispatchSigned(one.endpoint, { ...fields('T-1'), ...less });
      const [event] = await repository().callbacks({ txnid: 'T-1' });
      expect(event?.outcome).to.equal('failed');
      one.fails = false;
      expect(await one.dragonpay.replay(event?.key ?? '')).to.include({ outcome: 'applied' });
      expect(one.effects).to.deep.equal(['T-1 S']);
    });
  });

  it('are applied whatever odd values they were accepted with', async () => {
    const { dragonpay, effects, endpoint } = process(impatient);
    const odd = [
      'procid=\ufffd',
      'procid=\ufffd\0',
      'procid=\xff%00',
      'note=%ff%00',
      'note=1&note=\0',
      '%ff%00=a',
      'param1=%',
    ];
    const bodies = odd.flatMap((form): BodyRead[] => {
      const fields = new URLSearchParams(form);
      const entries = [...new Set(fields.keys())].map((key) => [key, fields.getAll(key)] as const);
      return [
        { kind: 'bytes', bytes: Buffer.from(form, 'latin1') },
        { kind: 'text', text: form },
        { kind: 'fields', fields: entries.map(([key, values]) => [key, values.length > 1 ? values : values[0]]) },
      ];
    });
    const accepted: string[] = [];
    for (const [index, body] of bodies.entries()) {
      const signed = signCallback(fields(`T-${index}`), { sha1: { secretKey } });
      const form = encodeCallback(signed);
      const whole: BodyRead =
        body.kind === 'bytes'
          ? { kind: 'bytes', bytes: Buffer.concat([Buffer.from(`${form}&`), body.bytes]) }
          : body.kind === 'text'
            ? { kind: 'text', text: `${form}&${body.text}` }
            : { kind: 'fields', fields: [...Object.entries(signed), ...(body.kind === 'fields' ? body.fields : [])] };
      const { status } = await endpoint.dispatch(makeRequest({ body: whole }));
      if (status !== 200) continue;
      await create(`T-${index}`);
      accepted.push(`T-${index} S`);
    }
    expect(accepted).to.have.length.above(7);
    expect(await dragonpay.reconcile()).to.include({ caughtUp: accepted.length });
    expect(effects).to.deep.equal(accepted);
  });

  it('are applied once where several processes catch up at the same time', async () => {
    const processes = [process(impatient), process(impatient), process(impatient)];
    const ids = Array.from({ length: 15 }, (_, number) => `T-${number}`);
    for (const txnid of ids) await processes[0]?.deliver(txnid);
    for (const txnid of ids) await create(txnid);
    const reports = await Promise.all(processes.map(({ dragonpay }) => dragonpay.reconcile()));
    expect(reports.reduce((sum, { caughtUp }) => sum + caughtUp, 0)).to.equal(15);
    const effects = processes.flatMap((one) => one.effects);
    expect(effects.sort()).to.deep.equal(ids.map((txnid) => `${txnid} S`).sort());
  });

  it('are left to another process when the claim of one that died is over', async () => {
    const { deliver, dragonpay, effects } = process(impatient);
    await deliver('T-1');
    await create('T-1');
    // Claims an event, as a process does that dies afterwards.
    expect(await repository().claimEarlyEvent({ lease: 100, kinds })).to.include({ id: 'T-1', status: 'S' });
    expect(await dragonpay.reconcile()).to.include({ caughtUp: 0 });
    await sleep(150);
    expect(await dragonpay.reconcile()).to.include({ caughtUp: 1 });
    expect(effects).to.deep.equal(['T-1 S']);
  });

  it('are claimed again without waiting for a claim that was made while the clock was far ahead', async () => {
    const { deliver, dragonpay, effects } = process(impatient);
    await deliver('T-1');
    await create('T-1');
    expect(await repository().claimEarlyEvent({ lease: 30 * 86_400_000, kinds })).to.include({ id: 'T-1' });
    expect(await dragonpay.reconcile()).to.include({ caughtUp: 1 });
    expect(effects).to.deep.equal(['T-1 S']);
  });

  it('of a kind without a handler in this process are left to other processes', async () => {
    const { deliver, dragonpay } = process(impatient);
    await deliver('T-1');
    await create('T-1');
    expect(await repository().claimEarlyEvent({ lease: 100, kinds: ['payout'] })).to.equal(undefined);
    const payouts = createDragonpay({ ...sha1Settings, repository: repository() });
    open.push(payouts);
    @DragonpayCallback()
    class Payouts {
      @OnStatus('S', { kind: 'payout' }) sent() {}
    }
    payouts.endpoint(Payouts, { kinds: ['payout'] });
    expect(await payouts.reconcile()).to.include({ caughtUp: 0 });
    expect(await dragonpay.reconcile()).to.include({ caughtUp: 1 });
  });

  it('are replayed with the fields that were verified, whatever stands in front of the form', async () => {
    const { dragonpay } = process(impatient);
    const params: unknown[] = [];
    @DragonpayCallback()
    class Shop {
      @OnStatus('S') ship({ data, unsigned }: { data: { param1?: string }; unsigned: { param1?: string } }) {
        params.push(data.param1, unsigned.param1);
      }
    }
    const endpoint = dragonpay.endpoint(Shop);
    const form = encodeCallback(signCallback(fields('T-1'), { sha1: { secretKey } }));
    // A byte order mark is removed. The text behind it must not become a field when the form is read again.
    for (const mark of ['\ufeff\ufeff', '%EF%BB%BF%EF%BB%BF', '\ufeff%EF%BB%BF']) {
      expect((await deliverForm(endpoint, `${mark}param1=EVIL&${form}`)).status).to.equal(200);
    }
    await create('T-1');
    await dragonpay.reconcile({ handler: Shop });
    expect(params).to.deep.equal([undefined, undefined]);
  });

  it('are claimed again after their method failed', async () => {
    const shop = process(impatient);
    await shop.deliver('T-1');
    await create('T-1');
    shop.fails = true;
    expect(await shop.dragonpay.reconcile()).to.include({ caughtUp: 0 });
    expect(await statusOf('T-1')).to.equal('P');
    expect((await repository().callbacks({ txnid: 'T-1' }))[0]).to.include({ outcome: 'failed' });
    // The claim still holds, so the method is not called in a loop.
    expect(await repository().claimEarlyEvent({ lease: 1, kinds })).to.equal(undefined);
  });

  it('are applied in the background by keepUp(), until close()', async () => {
    const { deliver, dragonpay, effects } = process(impatient);
    dragonpay.keepUp({ everyMilliseconds: 100 });
    await deliver('T-1');
    await create('T-1');
    await until(async () => (await statusOf('T-1')) === 'S');
    expect(effects).to.deep.equal(['T-1 S']);
    expect(await dragonpay.close()).to.equal(true);
    await deliver('T-2').catch(() => {});
    await repository().claimEarlyEvent({ lease: 1, kinds });
    await sleep(300);
    expect(effects).to.have.length(1);
  });

  it('let keepUp() go on after a failure, which a hook is told', async () => {
    let failures = 0;
    const broken = Object.create(repository(), {
      claimEarlyEvent: { value: () => Promise.reject(new Error('the database is away')) },
    });
    const bound = new Proxy(broken, {
      get: (target, name) => {
        const value: unknown = Reflect.get(name === 'claimEarlyEvent' ? target : repository(), name);
        return typeof value === 'function' ? value.bind(repository()) : value;
      },
    });
    const hooks = { ...sha1Settings.hooks, keepUpFailed: () => failures++ };
    process({ ...impatient, hooks }, bound).dragonpay.keepUp({ everyMilliseconds: 100 });
    await until(() => failures >= 2);
  });

  it('let keepUp() end without a word when a run fails because of close()', async () => {
    let failures = 0;
    let fail: (error: Error) => void = () => {};
    const store = new Proxy(repository(), {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (name === 'claimEarlyEvent') return () => new Promise((_, reject) => (fail = reject));
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const hooks = { ...sha1Settings.hooks, keepUpFailed: () => failures++ };
    const { dragonpay } = process({ ...impatient, hooks }, store);
    dragonpay.keepUp({ everyMilliseconds: 100 });
    await until(() => dragonpay.status().inFlight > 0);
    const closed = dragonpay.close();
    fail(new Error('the pool was ended'));
    expect([await closed, failures]).to.deep.equal([true, 0]);
  });

  it('refuse an interval of keepUp() that cannot be kept', () => {
    for (const everyMilliseconds of [0, -1, 99, Number.NaN, Number.POSITIVE_INFINITY, '5000' as never]) {
      expect(() => process().dragonpay.keepUp({ everyMilliseconds })).to.throw(/everyMilliseconds must be/);
    }
  });
});
