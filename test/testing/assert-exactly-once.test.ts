import { AssertionError } from 'node:assert';
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { sql } from 'kysely';
import {
  type Callback,
  type CallbackReply,
  type CallbackRequest,
  DragonpayCallback,
  generateTxnId,
  type HandlerClass,
  MemoryRepository,
  OnDispatch,
  OnGet,
  OnPost,
  OnStatus,
  type StoredCallback as StoredAnywhere,
} from '../../src/index.js';
import { type DragonpayTables, KyselyRepository, type StoredCallback } from '../../src/kysely.js';
import { assertExactlyOnce, type CallbackFields, signCallback } from '../../src/testing.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { secretKey, testEndpoint } from '../support/dispatch-signed.js';
import { root } from '../support/program.js';
import { rejection } from '../support/rejection.js';

type Database = DragonpayTables & { shipped: { txnid: string } };

/** The orders that a shop has shipped outside of the transaction. */
let shipped: string[] = [];

/** The names of the ways of delivery that broke the effect. */
async function brokenBy(asserting: Promise<void>): Promise<string[]> {
  const error = await rejection(asserting);
  if (error === undefined) return [];
  if (!(error instanceof AssertionError)) throw error;
  return [...error.message.matchAll(/^- (.+?):/gm)].map((match) => match[1] ?? '');
}

@DragonpayCallback()
class ShipsInTransaction {
  @OnStatus('S')
  async ship({ trx, data }: StoredCallback<'S', Database>) {
    await trx.insertInto('shipped').values({ txnid: data.txnid }).execute();
  }
}

@DragonpayCallback()
class ShipsOnPost {
  @OnPost()
  ship(callback: Callback) {
    if (callback.valid && callback.kind === 'payment') shipped.push(callback.data.txnid);
  }
}

@DragonpayCallback()
class LooksBeforeItShips {
  @OnPost()
  async ship(callback: Callback) {
    if (!callback.valid || callback.kind !== 'payment' || shipped.includes(callback.data.txnid)) return;
    // Longer than the time between concurrent deliveries on a busy machine.
    await sleep(100);
    shipped.push(callback.data.txnid);
  }
}

@DragonpayCallback()
class ShipsOnReturnToo {
  readonly #posted = new Set<string>();

  @OnGet()
  show(callback: Callback) {
    if (callback.valid && callback.kind === 'payment') shipped.push(callback.data.txnid);
    return 'Thank you';
  }

  @OnPost()
  ship(callback: Callback) {
    if (!callback.valid || callback.kind !== 'payment' || this.#posted.has(callback.data.txnid)) return;
    this.#posted.add(callback.data.txnid);
    shipped.push(callback.data.txnid);
  }
}

@DragonpayCallback()
class ShipsOutsideTheTransaction {
  @OnStatus('S')
  ship({ data }: StoredAnywhere<'S'>) {
    shipped.push(data.txnid);
  }
}

@DragonpayCallback()
class HidesFailures {
  @OnDispatch()
  async around(_request: CallbackRequest, next: () => Promise<CallbackReply>): Promise<CallbackReply> {
    return { ...(await next()), status: 200 };
  }

  @OnStatus('S')
  ship({ data }: StoredAnywhere<'S'>) {
    if (!shipped.includes(data.txnid)) shipped.push(data.txnid);
  }
}

@DragonpayCallback()
class NeverShips {}

describe('assertExactlyOnce', () => {
  let database: TestDatabase;
  let repository: KyselyRepository<DragonpayTables>;

  before(async () => {
    database = await createTestDatabase();
    repository = new KyselyRepository(database.db);
    await sql`create table shipped (txnid text not null)`.execute(database.db);
  });
  beforeEach(() => {
    shipped = [];
  });
  after(() => database?.destroy());

  async function pay(...statuses: string[]): Promise<CallbackFields[]> {
    const txnid = generateTxnId();
    await repository.createPayment({ txnid, amount: '100.00' });
    const fields = { txnid, refno: 'RFNO0001', message: 'Paid', amount: '100.00' };
    return statuses.map((status) => signCallback({ ...fields, status }, { sha1: { secretKey } }));
  }

  async function countShipped(): Promise<number> {
    const { rows } = await sql<{ count: string }>`select count(*) from shipped`.execute(database.db);
    return Number(rows[0]?.count) + shipped.length;
  }

  const assertOf = (Class: HandlerClass, statuses: string[] = ['S']) =>
    assertExactlyOnce(testEndpoint(Class, { repository }), () => pay(...statuses), countShipped);

  it('holds for an effect in the transaction, four payments in all', async () => {
    await assertOf(ShipsInTransaction);
    expect(await countShipped()).to.equal(4);
  });

  it('holds for the story of a payment, told in any order', async () => {
    await assertOf(ShipsInTransaction, ['P', 'S']);
  });

  it('tells the last status first where it reorders, and lets the payer return before and after', async () => {
    const endpoint = testEndpoint(ShipsInTransaction, { repository });
    const told = new Map<string | null, string[]>();
    const listening: typeof endpoint = Object.assign(Object.create(endpoint), {
      async dispatch(request: CallbackRequest) {
        const body = await request.body(1_000);
        const form = request.method === 'POST' && body.kind === 'bytes' ? body.bytes : request.target.slice(2);
        const fields = new URLSearchParams(Buffer.from(form).toString());
        const txnid = fields.get('txnid');
        told.set(txnid, [...(told.get(txnid) ?? []), `${request.method} ${fields.get('status')}`]);
        return endpoint.dispatch(request);
      },
    });
    await assertExactlyOnce(listening, () => pay('P', 'S'), countShipped);
    expect([...told.values()][1]).to.deep.equal(['GET S', 'POST S', 'GET S', 'GET P', 'POST P', 'GET P']);
  });

  for (const [Class, faults] of [
    [ShipsOnPost, ['duplicated', 'concurrent', 'handler fails once']],
    [LooksBeforeItShips, ['concurrent']],
    [ShipsOnReturnToo, ['reordered']],
    [ShipsOutsideTheTransaction, ['handler fails once']],
    [HidesFailures, ['handler fails once']],
    [NeverShips, ['duplicated', 'concurrent', 'reordered', 'handler fails once']],
  ] as const) {
    it(`finds that ${Class.name} is broken by: ${faults.join(', ')}`, async () => {
      expect(await brokenBy(assertOf(Class))).to.deep.equal(faults);
    });
  }

  it('says how often it happened, and what to do', async () => {
    const error = (await rejection(assertOf(ShipsOnPost))) as AssertionError;
    expect(error.message).to.include('duplicated: the effect happened 3 times; move it to @OnStatus');
    expect(error.actual).to.deep.equal({ duplicated: 3, concurrent: 8, reordered: 1, 'handler fails once': 2 });
    expect(error.expected).to.deep.equal({ duplicated: 1, concurrent: 1, reordered: 1, 'handler fails once': 1 });
    expect(error).to.include({ name: 'AssertionError', code: 'ERR_ASSERTION' });
  });

  it('says that callbacks are refused', async () => {
    const endpoint = testEndpoint(ShipsOnPost, { repository });
    const unsigned = async () => (await pay('S')).map(({ digest, ...fields }) => fields);
    const error = (await rejection(assertExactlyOnce(endpoint, unsigned, countShipped))) as AssertionError;
    expect(error.message).to.include('duplicated: a callback was answered 400 error=proof-missing');
  });

  it('takes one callback as well, and a count of this payment', async () => {
    const memory = new MemoryRepository();
    const endpoint = testEndpoint(LooksBeforeItShips, { repository: memory, limits: { earlyMilliseconds: 0 } });
    const one = async () => (await pay('S'))[0] as CallbackFields;
    const countOf = ([callback]: readonly CallbackFields[]) =>
      shipped.filter((txnid) => txnid === callback?.txnid).length;
    expect(await brokenBy(assertExactlyOnce(endpoint, one, countOf))).to.deep.equal(['concurrent']);
  });

  describe('with the callbacks of one payment', () => {
    let before: number;
    beforeEach(async () => {
      before = await countShipped();
    });

    const assertWith = async (Class: HandlerClass, statuses: string[] = ['S']) =>
      assertExactlyOnce(testEndpoint(Class, { repository }), await pay(...statuses), countShipped);

    it('holds for an effect in the transaction', async () => {
      await assertWith(ShipsInTransaction);
      await assertWith(ShipsInTransaction, ['P', 'S']);
      const [callback] = await pay('S');
      await assertExactlyOnce(
        testEndpoint(ShipsInTransaction, { repository }),
        callback as CallbackFields,
        countShipped,
      );
      expect(await countShipped()).to.equal(before + 3);
    });

    for (const [Class, faults] of [
      [ShipsOnPost, ['handler fails once']],
      [ShipsOnReturnToo, ['reordered']],
      [ShipsOutsideTheTransaction, ['handler fails once']],
      [HidesFailures, ['handler fails once']],
      [NeverShips, ['concurrent']],
    ] as const) {
      it(`finds that ${Class.name} is broken by: ${faults.join(', ')}`, async () => {
        expect(await brokenBy(assertWith(Class))).to.deep.equal(faults);
      });
    }
  });

  it('refuses values that are not a callback or a count', async () => {
    const endpoint = testEndpoint(ShipsOnPost);
    for (const wrong of [
      assertExactlyOnce(endpoint, [], countShipped),
      assertExactlyOnce(endpoint, undefined as never, countShipped),
      assertExactlyOnce(endpoint, 'txnid=T-1' as never, countShipped),
      assertExactlyOnce(
        endpoint,
        () => pay('S'),
        () => undefined as never,
      ),
    ]) {
      expect(await rejection(wrong)).to.include({ code: 'invalid-setting' });
    }
  });

  it('passes on the errors of its functions', async () => {
    const gone = new Error('the database is gone');
    const asserting = assertExactlyOnce(
      testEndpoint(ShipsOnPost),
      () => pay('S'),
      () => Promise.reject(gone),
    );
    expect(await rejection(asserting)).to.equal(gone);
  });

  it('runs under node:test', async function () {
    this.timeout(30_000);
    const { NODE_TEST_CONTEXT, NODE_OPTIONS, ...env } = process.env;
    const args = ['--import', 'tsx', '--test', '--test-reporter', 'tap', 'test/fixtures/testing-kit/node-test.ts'];
    const { stdout } = await new Promise<{ stdout: string }>((resolve) => {
      execFile(process.execPath, args, { cwd: root, env }, (_error, stdout) => resolve({ stdout }));
    });
    expect(stdout).to.match(/^ *ok 1 - ships once$/m);
    expect(stdout).to.match(/^ *not ok 2 - ships for every postback$/m);
    expect(stdout).to.include('- duplicated: the effect happened 3 times');
  });
});
