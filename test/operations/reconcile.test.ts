import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Transaction } from 'kysely';
import { readAnswer } from '../../src/gateway/read-inquiry-answer.js';
import { backoffMilliseconds, readRetryAfter } from '../../src/gateway/retry.js';
import {
  createDragonpay,
  type Dragonpay,
  DragonpayCallback,
  DragonpayError,
  type DragonpaySettings,
  type InquiredEvent,
  MemoryRepository,
  OnStatus,
  type StoredCallback,
} from '../../src/index.js';
import { type DragonpayTables, KyselyRepository } from '../../src/kysely.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { post, secretKey } from '../support/dispatch-signed.js';
import { root } from '../support/program.js';
import {
  after as answerAfter,
  inquiryAnswer,
  type StandInAnswer,
  type StandInGateway,
  startStandInGateway,
} from '../support/stand-in-gateway.js';

const fast = { attempts: 3, timeoutMilliseconds: 300 };

describe('reconcile()', () => {
  let database: TestDatabase;
  let gateway: StandInGateway;
  let repository: KyselyRepository<DragonpayTables>;
  let effects: Array<{ txnid: string; origin: string; status: string }> = [];
  let told: InquiredEvent[] = [];
  let handled: StoredCallback<'S' | 'F', Transaction<DragonpayTables>>[] = [];

  @DragonpayCallback()
  class Shop {
    @OnStatus('S', 'F')
    settle(callback: StoredCallback<'S' | 'F', Transaction<DragonpayTables>>) {
      handled.push(callback);
      effects.push({ txnid: callback.data.txnid, origin: callback.origin, status: callback.status });
    }
  }

  function receiver(settings: Partial<DragonpaySettings> = {}) {
    const dragonpay = createDragonpay({
      merchantId: 'ACME',
      environment: { gateway: gateway.url },
      apiKey: 'api key',
      verification: { sha1: { secretKeys: [secretKey] } },
      repository,
      inquiry: fast,
      hooks: { inquired: (event) => told.push(event), stored: () => {}, handlerFailed: () => {} },
      ...settings,
    });
    dragonpay.endpoint(Shop);
    return dragonpay;
  }

  before(async () => {
    database = await createTestDatabase();
    repository = new KyselyRepository(database.db);
  });
  beforeEach(async () => {
    await database.pool.query('truncate dragonpay_transactions, dragonpay_callbacks');
    gateway = await startStandInGateway();
    [effects, told, handled] = [[], [], []];
  });
  afterEach(() => gateway.close());
  after(() => database?.destroy());

  async function payments(count: number, details: object = {}): Promise<string[]> {
    const txnids = Array.from({ length: count }, (_, index) => `T-${index + 1}`);
    for (const txnid of txnids) await repository.createPayment({ txnid, amount: '100.00', ...details });
    return txnids;
  }

  async function statusOf(txnid: string): Promise<string | undefined> {
    return (await repository.findPayment(txnid))?.status;
  }

  it('puts what the gateway says through the machine, the handlers and the inbox', async () => {
    await payments(1);
    gateway.answer(() => ({ fields: { Status: 'S' } }));
    const report = await receiver().reconcile({ olderThan: 0 });
    expect(report).to.deep.equal({
      ...{
        asked: 1,
        applied: 1,
        unchanged: 0,
        review: 0,
        notKnown: 0,
        failed: 0,
        caughtUp: 0,
        skipped: 0,
        stopped: false,
      },
    });
    expect(await repository.findPayment('T-1')).to.include({ status: 'S', refno: 'RFNO0001' });
    expect(effects).to.deep.equal([{ txnid: 'T-1', origin: 'inquiry', status: 'S' }]);
    const [event, ...more] = await repository.callbacks({ txnid: 'T-1' });
    expect(more).to.deep.equal([]);
    expect(event).to.include({ outcome: 'applied', proof: 'inquiry', keyId: 'apiKey', method: null, status: 'S' });
    expect(event?.raw).to.include('txnid=T-1').and.include('amount=100.0');
  });

  it('gives the handler the fields of a callback, and the dates in Manila’s time', async () => {
    await payments(1);
    gateway.answer(() => ({ fields: { Param1: 'p:1' } }));
    await receiver().reconcile({ olderThan: 0 });
    const [callback] = handled;
    expect(callback?.data).to.deep.equal({
      ...{ txnid: 'T-1', refno: 'RFNO0001', status: 'S', message: '[000] 1.5 done' },
      ...{ merchantid: 'ACME', param1: 'p:1', amount: '100.00' },
    });
    expect(callback?.unsigned).to.deep.equal({ ccy: 'PHP', procid: 'BPI', settledate: '2026-03-02' });
    expect(callback?.method).to.equal(undefined);
    expect(callback?.request).to.equal(undefined);
    expect(callback?.inquiry).to.deep.equal({
      refDate: new Date('2026-03-01T01:30:00Z'),
      settleDate: new Date('2026-03-01T16:00:00Z'),
      fee: '10.0',
    });
  });

  const outcomes: ReadonlyArray<readonly [string, StandInAnswer, object, string]> = [
    ['404', { status: 404 }, { notKnown: 1 }, 'P'],
    ['the status U', { fields: { Status: 'U' } }, { notKnown: 1 }, 'P'],
    ['another amount', { fields: { Amount: '100.01' } }, { review: 1 }, 'P'],
    ['an amount that a float would round', { fields: { Amount: '100.00000000000000001' } }, { failed: 1 }, 'P'],
    ['the amount with an exponent', { fields: { Amount: '1e2' } }, { applied: 1 }, 'S'],
    ['an amount that is no number', { fields: { Amount: 'PHP 100' } }, { failed: 1 }, 'P'],
    ['a currency that is none', { fields: { Currency: 'PESO' } }, { failed: 1 }, 'P'],
    ['the amount with more zeros', { fields: { Amount: '100.0000' } }, { applied: 1 }, 'S'],
    ['the amount without decimals', { fields: { Amount: '100' } }, { applied: 1 }, 'S'],
    ['another currency', { fields: { Currency: 'USD' } }, { review: 1 }, 'P'],
    ['a letter that is no status', { fields: { Status: 'D' } }, { review: 1 }, 'P'],
    ['another merchant', { fields: { MerchantId: 'OTHER' } }, { failed: 1 }, 'P'],
    ['another payment', { fields: { TxnId: 'T-2' } }, { failed: 1 }, 'P'],
    ['no reference number', { fields: { RefNo: null } }, { failed: 1 }, 'P'],
    ['a list', { status: 200, text: '[]' }, { failed: 1 }, 'P'],
    ['half a body, always', { half: {} }, { failed: 1 }, 'P'],
    ['500, always', { status: 500 }, { failed: 1 }, 'P'],
    ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }, { failed: 1, stopped: true }, 'P'],
    ['no answer in time', 'silence', { failed: 1 }, 'P'],
    ['a page of HTML', { status: 200, text: '<html>' }, { failed: 1 }, 'P'],
    [
      'a body that is too long',
      { status: 200, text: inquiryAnswer('T-1', {}) + ' '.repeat(70_000) },
      { failed: 1 },
      'P',
    ],
  ];
  for (const [name, answer, counts, status] of outcomes) {
    it(`of one payment, to ${name}: ${JSON.stringify(counts)}`, async () => {
      await payments(1);
      gateway.answer(() => answer);
      const report = await receiver().reconcile({ olderThan: 0 });
      const none = {
        applied: 0,
        unchanged: 0,
        review: 0,
        notKnown: 0,
        failed: 0,
        caughtUp: 0,
        skipped: 0,
        stopped: false,
      };
      expect(report).to.deep.equal({ asked: 1, ...none, ...counts });
      expect(await statusOf('T-1')).to.equal(status);
      const kept = 'review' in counts || 'applied' in counts ? 1 : 0;
      expect(await repository.callbacks({ txnid: 'T-1' })).to.have.length(kept);
      expect(told.map(({ txnid }) => txnid)).to.deep.equal(['T-1']);
    });
  }

  const outages: ReadonlyArray<readonly [string, StandInAnswer]> = [
    ['500', { status: 500 }],
    ['429', { status: 429, headers: { 'retry-after': '0' } }],
    ['half a body', { half: {} }],
    ['silence', 'silence'],
  ];
  for (const [name, answer] of outages) {
    it(`asks again after ${name}, and believes what comes then`, async () => {
      await payments(2);
      gateway.answer((_, call) => (call < 3 ? answer : { fields: {} }));
      const report = await receiver().reconcile({ olderThan: 0 });
      expect(report).to.include({ asked: 2, applied: 2, failed: 0 });
      expect(gateway.asked).to.have.length(6);
    });
  }

  it('waits as long as Retry-After says, with all its calls', async () => {
    await payments(3);
    let refusedAt = 0;
    const early: string[] = [];
    gateway.answer((txnid) => {
      if (refusedAt === 0) {
        refusedAt = performance.now();
        return { status: 429, headers: { 'retry-after': '1' } };
      }
      const since = performance.now() - refusedAt;
      // Calls that were under way are answered later, so that their workers continue only after the refusal.
      if (since < 100) return answerAfter(150, { fields: {} });
      if (since < 950) early.push(txnid);
      return { fields: {} };
    });
    const report = await receiver({ inquiry: { ...fast, timeoutMilliseconds: 1_000 } }).reconcile({
      olderThan: 0,
      concurrency: 2,
    });
    expect(report).to.include({ applied: 3 });
    expect(early).to.deep.equal([]);
  });

  it('waits on where the gateway asks for more time while it waits', async () => {
    await payments(4);
    let startedAt = 0;
    const late: number[] = [];
    const refused = { status: 429, headers: { 'retry-after': '1' } };
    // One call is refused early and one later. Between them, the worker of the third payment comes for the fourth.
    const answers = [answerAfter.bind(0, 100, refused), answerAfter.bind(0, 600, refused)];
    gateway.answer(() => {
      const asked = gateway.asked.length;
      if (asked === 1) startedAt = performance.now();
      if (asked > 3) late.push(performance.now() - startedAt);
      return answers[asked - 1]?.() ?? answerAfter(asked === 3 ? 300 : 0, { fields: {} });
    });
    const dragonpay = receiver({ inquiry: { ...fast, timeoutMilliseconds: 2_000 } });
    expect(await dragonpay.reconcile({ olderThan: 0, concurrency: 3 })).to.include({ asked: 4, applied: 4 });
    expect(Math.min(...late)).to.be.above(1_550);
  });

  it('does not wait for less because another call is told to wait for less', async () => {
    await payments(2);
    let startedAt = 0;
    const late: number[] = [];
    const refused = (seconds: string) => ({ status: 429, headers: { 'retry-after': seconds } });
    const answers = [answerAfter.bind(0, 100, refused('1')), answerAfter.bind(0, 300, refused('0'))];
    gateway.answer(() => {
      const asked = gateway.asked.length;
      if (asked === 1) startedAt = performance.now();
      if (asked > 2) late.push(performance.now() - startedAt);
      return answers[asked - 1]?.() ?? { fields: {} };
    });
    const dragonpay = receiver({ inquiry: { ...fast, timeoutMilliseconds: 2_000 } });
    expect(await dragonpay.reconcile({ olderThan: 0, concurrency: 2 })).to.include({ applied: 2 });
    expect(Math.min(...late)).to.be.above(1_050);
  });

  it('gives up at once where the gateway asks for more patience than it has', async () => {
    await payments(50);
    gateway.answer(() => ({ status: 503, headers: { 'retry-after': '3600' } }));
    const report = await receiver().reconcile({ olderThan: 0, concurrency: 1 });
    expect(report).to.include({ asked: 3, failed: 3, stopped: true });
    expect(gateway.asked).to.deep.equal(['T-1']);
  });

  it('costs a gateway that is down a few calls and then ends, with nothing stored', async () => {
    await payments(50);
    gateway.answer(() => ({ status: 500 }));
    const report = await receiver().reconcile({ olderThan: 0, concurrency: 2 });
    expect(report.stopped).to.equal(true);
    expect(report.failed).to.equal(report.asked).and.to.be.within(3, 4);
    expect(gateway.asked.length).to.be.at.most(4 * fast.attempts);
    expect(await repository.callbacks()).to.deep.equal([]);
    expect(effects).to.deep.equal([]);
  });

  it('ends at once where nobody listens or the gateway refuses the merchant', async () => {
    await payments(50);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    const nobody = receiver({ environment: { gateway: `http://127.0.0.1:${port}` } });
    expect(await nobody.reconcile({ olderThan: 0, concurrency: 1 })).to.include({ asked: 3, stopped: true });
    const report = await receiver({ apiKey: 'wrong' }).reconcile({ olderThan: 0, concurrency: 1 });
    expect(report).to.include({ asked: 1, failed: 1, stopped: true });
    expect(told.at(-1)?.error).to.include({ code: 'gateway-refused' });
  });

  it('does not let payments that always fail keep the others waiting', async () => {
    await payments(4);
    gateway.answer((txnid) => (txnid < 'T-3' ? { fields: { MerchantId: 'OTHER' } } : { fields: {} }));
    const dragonpay = receiver();
    expect(await dragonpay.reconcile({ olderThan: 0, limit: 2 })).to.include({ failed: 2 });
    expect(await dragonpay.reconcile({ olderThan: 0, limit: 2 })).to.include({ applied: 2 });
  });

  it('asks about open payments that are old enough, the oldest news first, each once', async () => {
    await payments(6);
    await repository.createPayment({ txnid: 'closed', amount: '1.00', status: 'F', refno: 'R' });
    await repository.createPayment({ txnid: 'authorized', amount: '100.00', status: 'A' });
    await database.pool.query(`update dragonpay_transactions set modified_at = now() - interval '1 hour'
      where txnid in ('T-3', 'closed'); update dragonpay_transactions set modified_at = now() - interval '2 hours'
      where txnid in ('T-5', 'authorized')`);
    gateway.answer(() => ({ status: 404 }));
    const dragonpay = receiver();
    expect(await dragonpay.reconcile({ concurrency: 1 })).to.include({ asked: 3, notKnown: 3 });
    expect(gateway.asked.toSorted()).to.deep.equal(['T-3', 'T-5', 'authorized']);
    expect(gateway.asked.at(-1)).to.equal('T-3');
    expect(await dragonpay.reconcile({ concurrency: 1 }), 'asked just now').to.include({ asked: 0 });
    expect(await dragonpay.reconcile({ olderThan: 0, limit: 2 })).to.include({ asked: 2 });
    expect(await dragonpay.reconcile({ olderThan: 0 })).to.include({ asked: 7 });
  });

  it('asks about given payments of any status and age if they have a row', async () => {
    await payments(2, { status: 'S', refno: 'RFNO0001' });
    gateway.answer(() => ({ fields: { Status: 'R' } }));
    const dragonpay = receiver();
    const report = await dragonpay.reconcile({ txnids: ['T-1', 'T-1', 'nobody'] });
    expect(report).to.include({ asked: 1, applied: 1, skipped: 1 });
    expect(await statusOf('T-1')).to.equal('R');
    expect(await statusOf('T-2')).to.equal('S');
    expect(await dragonpay.reconcile({ txnids: ['T-1'] })).to.include({ asked: 1, unchanged: 1 });
  });

  it('writes an id into the path as it is, and asks nothing where it would be a step of the path', async () => {
    const odd = ['a/b?c=d#e', '100% &+', '..', '.'];
    for (const txnid of odd) await repository.createPayment({ txnid, amount: '100.00' });
    gateway.answer(() => ({ fields: {} }));
    const report = await receiver().reconcile({ txnids: odd });
    expect(report).to.include({ asked: 4, applied: 2, failed: 2 });
    expect(gateway.asked.toSorted()).to.deep.equal(['100% &+', 'a/b?c=d#e']);
  });

  it('keeps to its concurrency, and holds no connection during a call', async () => {
    const narrow = await createTestDatabase({ poolSize: 1 });
    try {
      const rows = new KyselyRepository(narrow.db);
      for (let index = 0; index < 12; index++) await rows.createPayment({ txnid: `N-${index}`, amount: '100.00' });
      gateway.answer(async () => {
        const startedAt = performance.now();
        await narrow.pool.query('select 1');
        return answerAfter(20, { fields: {}, ...(performance.now() - startedAt > 250 && { status: 500 }) });
      });
      const report = await receiver({ repository: rows }).reconcile({ olderThan: 0, concurrency: 3 });
      expect(report).to.include({ asked: 12, applied: 12 });
      expect(gateway.mostAtOnce()).to.equal(3);
    } finally {
      await narrow.destroy();
    }
  });

  it('stores nothing if the handler fails, and tries again in the next run', async () => {
    await payments(1);
    gateway.answer(() => ({ fields: {} }));
    let calls = 0;
    @DragonpayCallback()
    class Failing {
      @OnStatus('S')
      ship() {
        if (++calls === 1) throw new Error('no courier');
      }
    }
    const dragonpay = receiver();
    expect(await dragonpay.reconcile({ olderThan: 0, handler: Failing })).to.include({ failed: 1 });
    expect(told[0]?.error).to.include({ message: 'no courier' });
    expect(await statusOf('T-1')).to.equal('P');
    expect(await dragonpay.reconcile({ olderThan: 0, handler: Failing })).to.include({ applied: 1 });
    expect(calls).to.equal(2);
  });

  it('refuses to guess whose handlers are to run, and to begin with less than it needs', async () => {
    @DragonpayCallback()
    class Other {}
    const make = (settings: Partial<DragonpaySettings>) =>
      createDragonpay({
        ...{ merchantId: 'ACME', environment: { gateway: gateway.url }, apiKey: 'api key', repository },
        verification: { sha1: { secretKeys: [secretKey] } },
        ...settings,
      });
    const two = receiver();
    two.endpoint(Other);
    const none = async () => undefined;
    const bare = { store: none, findPayment: none, findPayout: none } as unknown as MemoryRepository;
    const cases: ReadonlyArray<readonly [string, string, Promise<unknown>]> = [
      ['no endpoint', 'invalid-setting handler', make({}).reconcile()],
      ['two classes', 'invalid-setting handler', two.reconcile()],
      ['no key', 'invalid-setting apiKey', receiver({ apiKey: undefined }).reconcile({ txnids: ['T-1'] })],
      ['no repository', 'invalid-setting repository', make({ repository: undefined }).reconcile({ handler: Other })],
      ['nothing to store', 'invalid-setting repository', make({ saveData: false }).reconcile({ handler: Other })],
      ['a bare port', 'not-supported undefined', receiver({ repository: bare }).reconcile()],
      ['no number', 'invalid-setting olderThan', receiver().reconcile({ olderThan: Number.NaN })],
      ['no time', 'invalid-setting olderThan', receiver().reconcile({ olderThan: Number.MAX_SAFE_INTEGER })],
      ['half a payment', 'invalid-setting limit', receiver().reconcile({ limit: 1.5 })],
      ['no concurrency', 'invalid-setting concurrency', receiver().reconcile({ concurrency: 0 })],
      ['a concurrency too many', 'invalid-setting concurrency', receiver().reconcile({ concurrency: 1e10 })],
      ['no list', 'invalid-setting txnids', receiver().reconcile({ txnids: 'T-1' as never })],
      ['no txnid', 'invalid-setting txnids[1]', receiver().reconcile({ txnids: ['T-1', 'T\0'] })],
      ['no signal', 'invalid-setting signal', receiver().reconcile({ signal: {} as AbortSignal })],
    ];
    for (const [name, expected, promise] of cases) {
      const error = await promise.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(DragonpayError.is(error) && `${error.code} ${error.subject}`, name).to.equal(expected);
    }
    expect(await two.reconcile({ handler: Shop })).to.include({ asked: 0 });
  });

  it('goes on after failures that are not in a row', async () => {
    await payments(8);
    gateway.answer((txnid) => (Number(txnid.slice(2)) % 3 === 0 ? { fields: {} } : { status: 500 }));
    const report = await receiver({ inquiry: { attempts: 1 } }).reconcile({ olderThan: 0, concurrency: 1 });
    expect(report).to.include({ asked: 8, applied: 2, failed: 6, stopped: false });
  });

  it('asks once about a payment that is claimed again, and leaves it to the next run', async () => {
    await payments(1);
    class Hasty extends KyselyRepository<DragonpayTables> {
      override claimOpenPayment({ lease }: { readonly lease: number }) {
        return super.claimOpenPayment({ olderThan: 0, lease });
      }
    }
    const dragonpay = receiver({ repository: new Hasty(database.db) });
    expect(await dragonpay.reconcile({ olderThan: 0, concurrency: 1 })).to.include({ asked: 1, notKnown: 1 });
    expect(await repository.claimPayment('T-1', { lease: 1 })).to.include({ txnid: 'T-1' });
  });

  it('ends when close() is called, and leaves what it was about to others', async () => {
    await payments(20);
    gateway.answer(() => 'silence');
    const dragonpay = receiver({ inquiry: { attempts: 1, timeoutMilliseconds: 5_000 } });
    const running = dragonpay.reconcile({ olderThan: 0, concurrency: 2 });
    while (gateway.asked.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await dragonpay.close({ milliseconds: 1_000 })).to.equal(true);
    expect(await running).to.include({ asked: 2, failed: 2, stopped: true });
    const codes = told.map((event) => event.result === 'failed' && (event.error as DragonpayError).code);
    expect(codes, 'the gateway is not to blame').to.deep.equal(['closing', 'closing']);
  });

  it('ends at a signal, also one that nobody else holds', async () => {
    await payments(1);
    gateway.answer(() => 'silence');
    setFlagsFromString('--expose-gc');
    const collectGarbage: () => void = runInNewContext('gc');
    const collecting = setInterval(collectGarbage, 20);
    try {
      const dragonpay = receiver({ inquiry: { ...fast, timeoutMilliseconds: 5_000 } });
      const startedAt = performance.now();
      const report = await dragonpay.reconcile({ olderThan: 0, signal: AbortSignal.timeout(300) });
      expect(report).to.include({ asked: 1, failed: 1, stopped: true });
      expect(performance.now() - startedAt).to.be.within(250, 2_500);
    } finally {
      clearInterval(collecting);
    }
  });

  it('rejects where the repository fails, once what it was about has ended', async () => {
    await payments(3);
    gateway.answer(() => answerAfter(150, { fields: {} }));
    let claims = 0;
    class Failing extends KyselyRepository<DragonpayTables> {
      override claimOpenPayment(options: { readonly olderThan: number; readonly lease: number }) {
        return ++claims === 3 ? Promise.reject(new Error('no database')) : super.claimOpenPayment(options);
      }
    }
    const dragonpay = receiver({ repository: new Failing(database.db) });
    const error = await dragonpay.reconcile({ olderThan: 0, concurrency: 3 }).catch((reason: unknown) => reason);
    expect(error).to.include({ message: 'no database' });
    expect(effects).to.have.length(2);
    expect(claims, 'no further ones').to.equal(3);
  });

  it('leases a payment for as long as its bounds allow, which docs/reconciliation.md says', async () => {
    await payments(1);
    let left = 0;
    gateway.answer(async () => {
      const { rows } = await database.pool.query(
        'select extract(epoch from inquiry_leased_until - now())::float8 as left from dragonpay_transactions',
      );
      left = rows[0]?.left;
      return { fields: {} };
    });
    await receiver({ inquiry: {} }).reconcile({ olderThan: 0 });
    expect(left).to.be.within(100, 104);
    expect(await readFile(join(root, 'docs/reconciliation.md'), 'utf8')).to.include('104 seconds');
  });

  it('brings every payment to the status that the gateway says, whatever goes wrong on the way', async () => {
    const said = fc.constantFrom('S', 'F', 'P', 'V', 'E', 'A', 'U', '404');
    const trouble = fc.constantFrom<StandInAnswer>({ status: 500 }, { status: 429 }, { half: {} }, { status: 502 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(said, fc.array(trouble, { maxLength: 2 })), { minLength: 1, maxLength: 8 }),
        async (plan) => {
          await database.pool.query('truncate dragonpay_transactions, dragonpay_callbacks');
          const txnids = await payments(plan.length);
          gateway.answer((txnid, call) => {
            const [status, troubles] = plan[txnids.indexOf(txnid)] ?? ['404', []];
            const answer = troubles[call - 1];
            if (answer !== undefined) return answer;
            return status === '404' ? { status: 404 } : { fields: { Status: status } };
          });
          gateway.asked.length = 0;
          const report = await receiver().reconcile({ olderThan: 0, concurrency: 3 });
          expect(report).to.include({ asked: plan.length, failed: 0 });
          for (const [index, [status]] of plan.entries()) {
            const expected = status === '404' || status === 'U' ? 'P' : status;
            expect(await statusOf(`T-${index + 1}`)).to.equal(expected);
          }
        },
      ),
      { numRuns: 15 },
    );
  });

  it('runs each effect once, where callbacks arrive while two reconcile', async () => {
    const txnids = await payments(60);
    gateway.answer(() => answerAfter(30 * Math.random(), { fields: {} }));
    // The timeout is long: a call that is repeated after a timeout would count as two.
    const patient = { inquiry: { ...fast, timeoutMilliseconds: 20_000 } };
    const receivers = [receiver(patient), receiver(patient)];
    const settled = Promise.all(
      txnids.map(async (txnid) => {
        await sleep(300 * Math.random());
        return post(receivers[0] as Dragonpay, Shop, { txnid });
      }),
    );
    const reports = await Promise.all(receivers.map((one) => one.reconcile({ olderThan: 0, concurrency: 3 })));
    expect((await settled).map((reply) => reply.status)).to.deep.equal(txnids.map(() => 200));
    expect(gateway.askedTwiceAtOnce).to.deep.equal([]);
    expect(effects.map(({ txnid }) => txnid).toSorted()).to.deep.equal(txnids.toSorted());
    const applied = reports.map((report) => report.applied).reduce((sum, one) => sum + one);
    expect(effects.filter(({ origin }) => origin === 'inquiry')).to.have.length(applied);
  });

  it('works on the in-memory repository alike', async () => {
    let now = 1_700_000_000_000;
    const memory = new MemoryRepository({ clock: () => now });
    for (const txnid of ['T-1', 'T-2', 'T-3']) await memory.createPayment({ txnid, amount: '100.00' });
    gateway.answer((txnid) => (txnid === 'T-2' ? { status: 404 } : { fields: {} }));
    const dragonpay = receiver({ repository: memory });
    expect(await dragonpay.reconcile()).to.include({ asked: 0 });
    now += 1_000_000;
    const reports = await Promise.all([dragonpay.reconcile(), dragonpay.reconcile()]);
    expect(reports.map(({ asked }) => asked).reduce((sum, asked) => sum + asked)).to.equal(3);
    expect(gateway.asked.toSorted()).to.deep.equal(['T-1', 'T-2', 'T-3']);
    expect((await memory.findPayment('T-3'))?.status).to.equal('S');
    expect(await dragonpay.reconcile()).to.include({ asked: 0 });
    expect(await dragonpay.reconcile({ txnids: ['T-2', 'nobody'] })).to.include({ asked: 1, notKnown: 1, skipped: 1 });
  });
});

describe('an answer of the gateway', () => {
  it('keeps amounts as they are written, and numbers in texts alone', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 999_999_999_999n }), fc.string(), (cents, text) => {
        const digits = String(cents).padStart(3, '0');
        const amount = `${digits.slice(0, -2)}.${digits.slice(-2)}`;
        const message = text.replaceAll('\0', '');
        const { callback } = readAnswer(inquiryAnswer('T-1', { Amount: amount, ProcMsg: message }));
        expect(callback.amount).to.equal(amount);
        expect(callback.message).to.equal(message);
      }),
    );
  });

  it('is read at once, also where it is nothing but the beginnings of texts', () => {
    const startedAt = performance.now();
    expect(() => readAnswer(`"${'\\"'.repeat(32_000)}`)).to.throw(SyntaxError);
    expect(performance.now() - startedAt).to.be.below(500);
  });

  it('may say Retry-After in seconds or as a date', () => {
    const now = Date.parse('2026-03-01T00:00:00Z');
    expect(readRetryAfter('7', now)).to.equal(7_000);
    expect(readRetryAfter('Sun, 01 Mar 2026 00:00:30 GMT', now)).to.equal(30_000);
    expect(readRetryAfter('Sun, 01 Mar 2020 00:00:30 GMT', now)).to.equal(0);
    expect(readRetryAfter('soon', now)).to.equal(undefined);
    expect(readRetryAfter(undefined, now)).to.equal(undefined);
    for (const endless of ['99999999999', '9'.repeat(400), 'Thu, 01 Jan 2099 00:00:00 GMT']) {
      expect(readRetryAfter(endless, now), endless).to.equal(3_600_000);
    }
  });
});

describe('the wait before a call is made again', () => {
  const policy = { attempts: 9, backoffMilliseconds: 100, longestWaitMilliseconds: 500 };

  it('doubles up to its bound, and a half of it is chance', () => {
    for (const [attempt, step] of [100, 200, 400, 500, 500].entries()) {
      const waits = Array.from({ length: 200 }, () => backoffMilliseconds(attempt + 1, policy));
      expect(Math.min(...waits)).to.be.within(step / 2, step * 0.6);
      expect(Math.max(...waits)).to.be.within(step * 0.9, step);
    }
  });
});
