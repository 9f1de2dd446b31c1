import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel } from 'node:diagnostics_channel';
import { expect } from 'chai';
import { effect, Receivers } from '../support/receivers.js';

/** The requests in whose contexts hooks, effects and traces ran, by the place in the code. */
type Seen = Record<string, Array<string | undefined>>;

describe('The async context of a request', function () {
  const receivers = Receivers.forSuite(this);
  const storage = new AsyncLocalStorage<string>();

  /** A receiver that notes the contexts in which its hooks, its effect and its traces ran, for each payment. */
  function noting(connections: number) {
    const seen: Seen = {};
    const note = (place: string, txnid: string) => {
      seen[place] ??= [];
      seen[place].push(`${txnid} in ${storage.getStore()}`);
    };
    const shop = receivers.make({
      connections,
      hooks: {
        stored: ({ id, update }) => note(`stored ${update.outcome}`, id),
        rejected: () => {},
        handlerFailed: () => {},
        replied: ({ status }) => note(`replied ${status}`, 'a request'),
      },
    });
    shop.work = (callback) => {
      note('effect', callback.data.txnid as string);
      return effect(callback);
    };
    return { shop, seen, note };
  }

  it('is there in hooks, effects and traces of callbacks that share a batch', async () => {
    const { shop, seen, note } = noting(2);
    const txnids: string[] = [];
    for (let index = 0; index < 40; index++) txnids.push(await receivers.newPayment());
    const traces = ['store', 'effect'].map((name) => {
      const { asyncEnd } = tracingChannel<unknown, { id: string }>(`dragonpay-callback:${name}`);
      const listener = (trace: unknown) => note(`${name} trace`, (trace as { id: string }).id);
      asyncEnd.subscribe(listener);
      return () => asyncEnd.unsubscribe(listener);
    });
    try {
      // S has an effect. The second delivery and the unknown letter have no effect, and share statements.
      for (const status of ['S', 'S', 'Z']) {
        await Promise.all(txnids.map((txnid) => storage.run(txnid, () => shop.told(txnid, status))));
      }
    } finally {
      for (const stop of traces) stop();
    }
    const own = txnids.map((txnid) => `${txnid} in ${txnid}`);
    for (const place of ['effect', 'effect trace', 'stored applied', 'stored duplicate', 'stored unrecognized']) {
      expect(seen[place], place).to.have.members(own);
    }
    const thrice = [...txnids, ...txnids, ...txnids];
    expect(seen['replied 200']).to.have.members(thrice.map((txnid) => `a request in ${txnid}`));
    expect(seen['store trace']).to.have.members([...own, ...own, ...own]);
  });

  it('is there in the effect of a copy that waited for another request', async () => {
    const { shop, seen } = noting(2);
    const txnid = await receivers.newPayment();
    const contexts: Array<string | undefined> = [];
    shop.work = async (callback) => {
      contexts.push(storage.getStore());
      if (contexts.length === 1) {
        // After this pause, the copy of the callback has arrived.
        await new Promise((resolve) => setTimeout(resolve, 100));
        throw new Error('no stock');
      }
      await effect(callback);
    };
    const first = storage.run('first', () => shop.told(txnid));
    const copy = storage.run('copy', () => shop.told(txnid));
    expect(await first).to.equal('500 error=handler-failed');
    expect(await copy).to.equal('200 applied');
    expect(contexts).to.deep.equal(['first', 'copy']);
    expect(seen['stored applied']).to.deep.equal([`${txnid} in copy`]);
    expect(seen['replied 500']).to.deep.equal(['a request in first']);
  });
});
