import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { sql } from 'kysely';
import { MemoryRepository, type MerchantRepository } from '../../src/index.js';
import { KyselyRepository } from '../../src/kysely.js';
import { verifySigned } from '../../src/testing/verify-signed.js';
import { describeDatabases } from '../support/databases.js';
import { describeRepositories } from '../support/describe-repositories.js';

describeRepositories('the inbox', (repository) => {
  /** Stores an event at a given time. */
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

  it('counts a delivery that fits several events to the oldest of them', async () => {
    for (const amounts of [
      ['100.00', '50.00'],
      ['50.00', '100.00'],
    ]) {
      const paid = { txnid: `T-${amounts[0]}`, refno: 'R1', status: 'S', message: '' };
      for (const amount of amounts) {
        await repository().store(await verifySigned({ ...paid, amount }, { proof: 'rsa' }));
        await sleep(5);
      }
      await repository().store(await verifySigned(paid));
      const events = await repository().callbacks({ txnid: paid.txnid });
      const counts = events.map(({ raw, deliveries }) => [new URLSearchParams(raw).get('amount'), deliveries]);
      expect(counts).to.deep.equal([
        [amounts[0], 2],
        [amounts[1], 1],
      ]);
    }
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

/** Delivers an event before and after the clock is set back from the year 2100. */
async function expectLastSeenKept(repository: MerchantRepository, setBack: () => unknown): Promise<void> {
  const callback = await verifySigned({ txnid: 'T-0', refno: 'R1', status: 'S', message: '' });
  await repository.store(callback);
  await setBack();
  await repository.store(callback);
  const [event] = await repository.callbacks();
  expect([event?.lastSeen.getTime(), event?.deliveries]).to.deep.equal([Date.UTC(2100), 2]);
}

describeDatabases('the inbox', ({ name, dialect, create }) => {
  it('keeps when an event was last seen, though the clock was set back since', async () => {
    const { db, destroy } = await create();
    const ahead = name === 'SQLite' ? sql.lit(Date.UTC(2100) * 1000) : sql.lit('2100-01-01 00:00:00.000000');
    const repository = new KyselyRepository(db, { dialect });
    await expectLastSeenKept(repository, () =>
      db.transaction().execute(async (trx) => {
        if (name === 'PostgreSQL') await sql`set local time zone 'UTC'`.execute(trx);
        await sql`update dragonpay_callbacks set last_seen = ${ahead}`.execute(trx);
      }),
    ).finally(destroy);
  });
});

describeDatabases('the inbox', ({ dialect, create }) => {
  it('counts a delivery to its own event, though an older one fits as well', async () => {
    const { db, destroy } = await create();
    try {
      const repository = new KyselyRepository(db, { dialect });
      const paid = { refno: 'R1', status: 'S', message: '' };
      await repository.store(await verifySigned({ ...paid, txnid: 'T-0', amount: '100.00' }, { proof: 'rsa' }));
      await sleep(5);
      const own = await verifySigned({ ...paid, txnid: 'T-1' });
      await repository.store(own);
      // As when both arrive together, and neither transaction sees the other.
      await sql`update dragonpay_callbacks set id = 'T-1' where id = 'T-0'`.execute(db);
      await repository.store(own);
      const events = await repository.callbacks({ txnid: 'T-1' });
      expect(events.map(({ proof, deliveries }) => [proof, deliveries])).to.deep.equal([
        ['rsa', 1],
        ['sha1', 2],
      ]);
    } finally {
      await destroy();
    }
  });
});

describe('the inbox, in memory', () => {
  it('keeps when an event was last seen, though the clock was set back since', () => {
    let now = Date.UTC(2100);
    return expectLastSeenKept(new MemoryRepository({ clock: () => now }), () => {
      now -= 86_400_000;
    });
  });
});
