import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { Copies, type Stored } from '../../src/handling/copies.js';
import type { VerifiedCallback } from '../../src/model/verified-callback.js';
import { verifySigned } from '../../src/testing/verify-signed.js';

const applied: Stored = { update: { outcome: 'applied', previous: 'P', current: 'S', late: false } };
const failed: Stored = { update: { outcome: 'unstored' }, error: new Error('the method failed') };

/** Copies of callbacks, in front of a database that answers when a test says so. */
function openStore(milliseconds = 5_000) {
  const copies = new Copies(milliseconds);
  const stored: VerifiedCallback[] = [];
  const open: Array<(result: Stored) => void> = [];
  return {
    stored,
    store: (callback: VerifiedCallback) =>
      copies.store(callback, (one) => {
        stored.push(one);
        return new Promise((resolve) => open.push(resolve));
      }),
    async answer(index: number, result: Stored) {
      open[index]?.(result);
      await sleep(0);
    },
  };
}

/** The reason why a callback was not stored. `undefined` while it is being stored. */
async function refusalOf(storing: Promise<Stored>): Promise<string | undefined> {
  const result = await Promise.race([storing, sleep(1_000, 'no answer', { ref: false })]);
  return typeof result === 'string' ? result : (result.error as { code?: string } | undefined)?.code;
}

describe('Copies that wait for a callback', () => {
  let callback: VerifiedCallback;
  before(async () => {
    callback = await verifySigned({ txnid: 'C-1', refno: 'R1', status: 'S', message: '' });
  });

  const variant = (fields: object) => ({ ...callback, ...fields }) as VerifiedCallback;

  it('are told that they are duplicates when one of them is applied after a failure', async () => {
    const { stored, store, answer } = openStore();
    const results = Array.from({ length: 4 }, () => store(callback));
    await answer(0, failed);
    await answer(1, applied);
    expect(stored.map(({ copies }) => copies)).to.deep.equal([callback.copies, 3]);
    const outcomes = (await Promise.all(results)).map(({ update }) => update.outcome);
    expect(outcomes).to.deep.equal(['unstored', 'applied', 'duplicate', 'duplicate']);
  });

  it('are those of the same amount, currency and method', async () => {
    const { stored, store, answer } = openStore();
    for (const fields of [{}, { amount: '1.00' }, { currency: 'USD' }, { method: 'GET' }, {}]) {
      void store(variant(fields));
    }
    expect(stored).to.have.length(4);
    await answer(0, applied);
    expect(stored).to.have.length(5);
  });

  it('are answered when they wait too long, and are then neither counted nor stored', async () => {
    const { stored, store, answer } = openStore(20);
    const first = store(callback);
    const late = Array.from({ length: 100 }, () => store(callback));
    expect(await refusalOf(store(callback))).to.equal('too-many-copies');
    expect(await Promise.all(late.map(refusalOf))).to.deep.equal(Array(100).fill('unstored'));
    const next = store(callback);
    await answer(0, applied);
    expect((await first).update.outcome).to.equal('applied');
    const counts = stored.map(({ copies }) => copies);
    expect(counts).to.deep.equal([callback.copies, 1]);
    await answer(1, applied);
    expect((await next).update.outcome).to.equal('applied');
  });

  it('leave no timer behind', async () => {
    const { store, answer } = openStore();
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const results = Array.from({ length: 100 }, () => store(callback));
    const during = timers();
    await answer(0, applied);
    await answer(1, applied);
    await Promise.all(results);
    // Mocha and other tests have timers, too, so only the difference counts.
    expect(during - timers()).to.be.within(90, 110);
  });
});

describe('Callbacks that are stored at the same time', () => {
  let callback: VerifiedCallback;
  before(async () => {
    callback = await verifySigned({ txnid: 'C-1', refno: 'R1', status: 'S', message: '' });
  });

  it('are twenty of one payment at most: the next is stored when one has ended', async () => {
    const { stored, store, answer } = openStore();
    const add = (cents: number) => store({ ...callback, amount: `1.${cents}` } as VerifiedCallback);
    for (let cents = 10; cents < 30; cents++) void add(cents);
    expect(stored).to.have.length(20);
    expect(await refusalOf(add(30))).to.equal('too-many-copies');
    void store({ ...callback, kind: 'payout' } as VerifiedCallback);
    expect(stored, 'of a payout with the same id').to.have.length(21);
    await answer(7, applied);
    void add(30);
    expect(await refusalOf(add(31))).to.equal('too-many-copies');
    expect(stored).to.have.length(22);
  });

  it('are 5,000 at most', async () => {
    const { stored, store } = openStore();
    for (let index = 0; index < 5_000; index++) void store({ ...callback, id: `C-${index}` } as VerifiedCallback);
    expect(await refusalOf(store({ ...callback, id: 'C-5000' } as VerifiedCallback))).to.equal('unstored');
    expect(stored).to.have.length(5_000);
  });

  it('leave nothing in memory', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const copies = new Copies(60_000);
    const storeMany = async (from: number) => {
      for (let index = from; index < from + 20_000; index++) {
        await copies.store({ ...callback, id: `C-${index}` } as VerifiedCallback, async () => applied);
      }
      collect();
      return process.memoryUsage().heapUsed;
    };
    const before = await storeMany(0);
    // If each payment left a number behind, this would be 2 MB.
    expect((await storeMany(20_000)) - before).to.be.below(700_000);
  });
});
