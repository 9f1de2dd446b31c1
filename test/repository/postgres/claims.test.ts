import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { sql } from 'kysely';
import { KyselyRepository } from '../../../src/kysely.js';
import { postgres } from '../../../src/repository/kysely/postgres/postgres.js';
import { verifySigned } from '../../../src/testing/verify-signed.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';

describe('claims, on PostgreSQL', () => {
  let database: TestDatabase;
  let repository: KyselyRepository;

  beforeEach(async () => {
    database = await createTestDatabase();
    repository = new KyselyRepository(database.db) as unknown as KyselyRepository;
    await database.pool.query(`insert into dragonpay_transactions (txnid, amount, modified_at)
      select 'T-' || i, 100, now() - ages[i] * interval '1 hour'
      from generate_series(1, 3) i, (values (array[1, 3, 2])) a (ages)`);
    // For so few rows, the planner would read the table in its physical order.
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

  it('take a payment whose last news is exactly as old as asked for', async () => {
    await database.db.transaction().execute(async (trx) => {
      // Within a transaction, the clock of the database stands still.
      await sql`update dragonpay_transactions set modified_at = now() - interval '5 hours' where txnid = 'T-2'`.execute(
        trx,
      );
      const claim = await postgres.statements({}).claimOldest(trx, 5 * 3_600_000, 60_000);
      expect(claim).to.include({ txnid: 'T-2' });
    });
  });

  it('take the next event where another transaction has the oldest', async () => {
    for (const txnid of ['T-4', 'T-5']) {
      await repository.store(await verifySigned({ txnid, refno: 'R1', status: 'S', message: '' }));
      await repository.createPayment({ txnid, amount: '100.00' });
    }
    const client = await database.pool.connect();
    try {
      await client.query(`begin; select from dragonpay_callbacks where id = 'T-4' for no key update`);
      const claim = repository.claimEarlyEvent({ lease: 60_000, kinds: ['payment'] });
      expect(await Promise.race([claim, sleep(5_000, 'it waits')])).to.include({ id: 'T-5' });
    } finally {
      await client.query('rollback');
      client.release();
    }
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
