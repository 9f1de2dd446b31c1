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

  it('that end more than an hour and ten leases ahead are free: the clock was set back since', async () => {
    const claims = repository();
    const days = 30 * 86_400_000;
    const minutes = 10 * 60_000;
    for (const txnid of ['T-0', 'T-1']) await claims.createPayment({ txnid, amount: '100.00' });
    // The lease of a minute, as it looks when the clock of the database was 30 days ahead.
    const byId = await claims.claimPayment('T-0', { lease: days });
    await claims.claimOpenPayment({ olderThan: 0, lease: days });
    expect(await claims.claimPayment('T-0', { lease: days / 5 }), 'of a process with other limits').to.equal('held');
    expect(await claims.claimPayment('T-0', { lease: minutes })).to.include({ txnid: 'T-0' });
    expect(await claims.claimOpenPayment({ olderThan: 0, lease: minutes })).to.include({ txnid: 'T-1' });
    if (typeof byId !== 'object') throw new Error('nothing was claimed');
    await claims.finishInquiry(byId);
    expect(await claims.claimPayment('T-0', { lease: minutes }), 'after the late end of the first').to.equal('held');
  });
});
