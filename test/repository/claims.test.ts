import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { KyselyRepository } from '../../src/kysely.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { describeRepositories } from '../support/describe-repositories.js';

describeRepositories('claims', (repository) => {
  it('end with their lease, and a late end of one leaves the next alone', async () => {
    const claims = repository();
    await claims.createPayment({ txnid: 'T-1', amount: '100.00' });
    const first = await claims.claimPayment('T-1', { lease: 50 });
    expect(await claims.claimPayment('T-1', { lease: 50 })).to.equal('held');
    expect(await claims.claimOpenPayment({ olderThan: 0, lease: 50 })).to.equal(undefined);
    await sleep(100);
    const second = await claims.claimOpenPayment({ olderThan: 0, lease: 60_000 });
    if (typeof first !== 'object' || second === undefined) throw new Error('nothing was claimed');
    await claims.finishInquiry(first);
    expect(await claims.claimPayment('T-1', { lease: 50 })).to.equal('held');
    await claims.finishInquiry(second);
    expect(await claims.claimPayment('T-1', { lease: 50 })).to.include({ txnid: 'T-1' });
    expect(await claims.claimPayment('nobody', { lease: 50 })).to.equal('not-found');
  });
});

describe('claims, on PostgreSQL', () => {
  let database: TestDatabase;
  let repository: KyselyRepository;

  beforeEach(async () => {
    database = await createTestDatabase();
    repository = new KyselyRepository(database.db) as unknown as KyselyRepository;
    await database.pool.query(`insert into dragonpay_transactions (txnid, amount, modified_at)
      select 'T-' || i, 100, now() - ages[i] * interval '1 hour'
      from generate_series(1, 3) i, (values (array[1, 3, 2])) a (ages)`);
    // The planner is to know how few they are: it reads them as they lie then.
    await database.pool.query('analyze dragonpay_transactions');
  });
  afterEach(() => database.destroy());

  it('take the payment that was longest without news', async () => {
    const order = [];
    for (let left = 3; left > 0; left--) {
      order.push((await repository.claimOpenPayment({ olderThan: 0, lease: 60_000 }))?.txnid);
    }
    expect(order).to.deep.equal(['T-2', 'T-3', 'T-1']);
  });

  it('wait for no callback that has the row', async () => {
    const client = await database.pool.connect();
    try {
      await client.query(`begin; select from dragonpay_transactions where txnid = 'T-2' for no key update`);
      const startedAt = performance.now();
      expect(await repository.claimOpenPayment({ olderThan: 0, lease: 60_000 })).to.include({ txnid: 'T-3' });
      expect(await repository.claimPayment('T-2', { lease: 60_000 })).to.equal('held');
      expect(performance.now() - startedAt).to.be.below(5_000);
    } finally {
      await client.query('rollback');
      client.release();
    }
  });
});
