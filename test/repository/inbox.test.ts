import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { verifySigned } from '../../src/testing/verify-signed.js';
import { describeRepositories } from '../support/describe-repositories.js';

describeRepositories('the inbox', (repository) => {
  /** Stores an event, with a time of its own. */
  async function deliver(txnid: string, status = 'S'): Promise<void> {
    await repository().store(await verifySigned({ txnid, refno: 'R1', status, message: '' }));
    await sleep(5);
  }
  const idsOf = async (filter: Parameters<ReturnType<typeof repository>['callbacks']>[0]) =>
    (await repository().callbacks(filter)).map(({ id, status }) => `${id} ${status}`);

  it('is read in pages that begin after a cursor, the oldest events first', async () => {
    const all = ['T-3', 'T-1', 'T-2', 'T-4', 'T-0'];
    for (const txnid of all) await deliver(txnid);
    const read: string[] = [];
    for (let after: string | undefined; ; ) {
      const page = await repository().callbacks({ limit: 2, ...(after !== undefined && { after }) });
      read.push(...page.map(({ id }) => id));
      after = page.at(-1)?.cursor;
      if (after === undefined || read.length > all.length) break;
    }
    expect(read).to.deep.equal(all);
  });

  it('is read from a time on, and for one id', async () => {
    await deliver('T-0');
    const since = new Date();
    await deliver('T-1');
    await deliver('T-1', 'F');
    await deliver('T-0');
    expect(await idsOf({ since })).to.deep.equal(['T-1 S', 'T-1 F']);
    expect(await idsOf({ txnid: 'T-0' })).to.deep.equal(['T-0 S']);
    expect(await idsOf({ merchantTxnId: 'T-0' })).to.deep.equal([]);
    expect(await idsOf({ txnid: 'T-1', limit: 1 })).to.deep.equal(['T-1 S']);
  });

  it('is pruned of what did not come again since a time', async () => {
    for (const txnid of ['T-0', 'T-1', 'T-2']) await deliver(txnid);
    const before = new Date();
    await deliver('T-1');
    await deliver('T-3');
    expect(await repository().pruneCallbacks(before)).to.equal(2);
    expect(await idsOf({})).to.deep.equal(['T-1 S', 'T-3 S']);
    expect(await repository().pruneCallbacks(before)).to.equal(0);
  });
});
