import { expect } from 'chai';
import { MemoryRepository, type MerchantRepository } from '../../src/index.js';
import { KyselyRepository } from '../../src/kysely.js';
import { sqliteDialect } from '../../src/sqlite.js';
import { verifySigned } from '../../src/testing/verify-signed.js';
import { stepClock } from '../faults/stepped-clock.js';
import { createSqliteDatabase } from '../support/sqlite.js';

/** Other databases use the clock of their server. */
describe('claims by the clock of the process', () => {
  const month = 30 * 86_400_000;
  const kinds = ['payment'] as const;

  async function expectFreed(repository: MerchantRepository): Promise<void> {
    const callback = await verifySigned({ txnid: 'EARLY', refno: 'R-1', status: 'S', message: '' });
    expect(await repository.store(callback)).to.include({ outcome: 'not-found' });
    for (const txnid of ['T-0', 'T-1', 'EARLY']) await repository.createPayment({ txnid, amount: '100.00' });
    stepClock(month);
    try {
      await repository.claimPayment('T-0', { lease: 1_000 });
      await repository.claimPayment('EARLY', { lease: 1_000 });
      expect(await repository.claimOpenPayment({ olderThan: 0, lease: 1_000 })).to.include({ txnid: 'T-1' });
      expect(await repository.claimEarlyEvent({ lease: 1_000, kinds })).to.include({ id: 'EARLY' });
      expect(await repository.claimEarlyEvent({ lease: 1_000, kinds })).to.equal(undefined);
    } finally {
      stepClock(-month);
    }
    expect(await repository.claimPayment('T-0', { lease: 1_000 })).to.include({ txnid: 'T-0' });
    await repository.claimPayment('EARLY', { lease: 1_000 });
    expect(await repository.claimOpenPayment({ olderThan: 0, lease: 1_000 })).to.include({ txnid: 'T-1' });
    expect(await repository.claimEarlyEvent({ lease: 1_000, kinds })).to.include({ id: 'EARLY' });
  }

  async function expectOldEnough(repository: MerchantRepository): Promise<void> {
    const { now } = Date;
    const time = now();
    Date.now = () => time;
    try {
      await repository.createPayment({ txnid: 'T-0', amount: '100.00' });
      expect(await repository.claimOpenPayment({ olderThan: 1, lease: 1_000 })).to.equal(undefined);
      expect(await repository.claimOpenPayment({ olderThan: 0, lease: 1_000 })).to.include({ txnid: 'T-0' });
    } finally {
      Date.now = now;
    }
  }

  it('take a payment whose last news is exactly as old as asked for', async () => {
    await expectOldEnough(new MemoryRepository({ clock: () => Date.now() }));
    const database = await createSqliteDatabase();
    await expectOldEnough(new KyselyRepository(database.db, { dialect: sqliteDialect })).finally(database.destroy);
  });

  it('leave events of one payment in the order of their arrival, also of the same millisecond', async () => {
    const database = await createSqliteDatabase();
    const repository = new KyselyRepository(database.db, { dialect: sqliteDialect });
    const { now } = Date;
    const time = now();
    Date.now = () => time;
    try {
      const arrived = ['S', 'R', 'F', 'P'];
      for (const status of arrived) {
        await repository.store(await verifySigned({ txnid: 'T-0', refno: 'R-1', status, message: '' }));
      }
      expect((await repository.callbacks()).map(({ status }) => status)).to.deep.equal(arrived);
    } finally {
      Date.now = now;
      await database.destroy();
    }
  });

  it('on SQLite are over when the clock that was far ahead is set back', async () => {
    const database = await createSqliteDatabase();
    try {
      await expectFreed(new KyselyRepository(database.db, { dialect: sqliteDialect }));
    } finally {
      await database.destroy();
    }
  });

  it('in memory are over when the clock that was far ahead is set back', async () => {
    await expectFreed(new MemoryRepository({ clock: () => Date.now() }));
  });
});
