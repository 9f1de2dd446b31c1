import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { describeRepositories } from '../support/describe-repositories.js';

describeRepositories('claims', (repository) => {
  it('end with their lease, and a late end of one leaves the next alone', async () => {
    const claims = repository();
    await claims.createPayment({ txnid: 'T-0', amount: '100.00' });
    await claims.claimPayment('T-0', { lease: 60_000 });
    expect(await claims.claimPayment('T-0', { lease: 50 })).to.equal('held');
    expect(await claims.claimOpenPayment({ olderThan: 0, lease: 50 })).to.equal(undefined);
    await claims.createPayment({ txnid: 'T-1', amount: '100.00' });
    const first = await claims.claimPayment('T-1', { lease: 1 });
    await sleep(20);
    const second = await claims.claimOpenPayment({ olderThan: 0, lease: 60_000 });
    if (typeof first !== 'object' || second === undefined) throw new Error('nothing was claimed');
    await claims.finishInquiry(first);
    expect(await claims.claimPayment('T-1', { lease: 50 })).to.equal('held');
    await claims.finishInquiry(second);
    expect(await claims.claimPayment('T-1', { lease: 50 })).to.include({ txnid: 'T-1' });
    expect(await claims.claimPayment('nobody', { lease: 50 })).to.equal('not-found');
  });
});
