import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Migrator } from 'kysely';
import { DragonpayCallback, OnStatus } from '../../src/index.js';
import { createMigrations, KyselyRepository, type StoredCallback } from '../../src/kysely.js';
import { testDragonpay } from '../support/dispatch-signed.js';
import { type FaultsName, type FaultsPool, type FaultsServer, faultsKinds } from './databases.js';
import type { FaultsDatabase } from './effects.js';
import { sendUntilStored } from './send-until-stored.js';

@DragonpayCallback()
class Shop {
  @OnStatus('S')
  async paid({ trx, data: { txnid: id }, status, update }: StoredCallback<'S', FaultsDatabase>) {
    const effect = { kind: 'payment', id, status, previous: update.previous, late: update.late };
    await trx
      .insertInto('fault_effects')
      .values({ ...effect, txnid: id, fault_order: 1 })
      .execute();
  }
}

/** A disk of 200 MB in memory. Mounting it needs root, and some containers forbid that even to root. */
class SmallDisk {
  readonly path = mkdtempSync(join(tmpdir(), 'dragonpay-callback-disk-'));
  readonly isMounted =
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=200m,mode=1777', 'tmpfs', this.path]).status === 0;
  readonly #filler = join(this.path, 'filler');

  /** Writes until the disk is full. */
  fill(): void {
    const file = openSync(this.#filler, 'a');
    for (const size of [1_048_576, 4_096]) {
      const chunk = Buffer.alloc(size);
      try {
        while (writeSync(file, chunk) > 0);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    }
    closeSync(file);
  }

  free(): void {
    rmSync(this.#filler, { force: true });
  }

  remove(): void {
    if (this.isMounted) spawnSync('umount', ['--lazy', this.path]);
    rmdirSync(this.path);
  }
}

for (const database of Object.keys(faultsKinds) as FaultsName[]) {
  const kind = faultsKinds[database];
  (kind.isHere ? describe : describe.skip)(`A full disk under ${kind.name}`, function () {
    this.timeout(120_000);
    this.slow(30_000);
    let disk: SmallDisk;
    let server: FaultsServer;
    let pool: FaultsPool;

    before(async function () {
      disk = new SmallDisk();
      if (!disk.isMounted) return this.skip();
      const { TMPDIR } = process.env;
      process.env.TMPDIR = disk.path;
      try {
        server = await kind.start();
      } finally {
        if (TMPDIR === undefined) delete process.env.TMPDIR;
        else process.env.TMPDIR = TMPDIR;
      }
      pool = kind.open(server.url, 4);
      const migrations = createMigrations({ dialect: kind.dialect });
      const { error } = await new Migrator({ db: pool.db, provider: migrations, ...migrations }).migrateToLatest();
      if (error) throw error;
      await kind.query(server.url, ...kind.effectsTables);
    });
    after(async () => {
      disk.free();
      await pool?.db.destroy();
      await server?.stop();
      disk.remove();
    });

    it('loses no callback that was answered 2xx, and runs no effect twice', async () => {
      const repository = new KyselyRepository(pool.db, { dialect: kind.dialect });
      const limits = { handlerMilliseconds: 500, storeMilliseconds: 1_000 };
      const endpoint = testDragonpay({ repository, limits }).endpoint(Shop);
      const txnids = Array.from({ length: 300 }, (_, number) => `T-${number}`);
      for (const txnid of txnids) await repository.createPayment({ txnid, amount: '100.00' });
      const fields = { message: 'it takes space '.repeat(15) };
      const sending = sendUntilStored(endpoint, txnids, { atOnce: 6, pause: 10, fields });
      await sending.haveStored(40);
      disk.fill();
      // Begins a new segment of the log: the free space in the current one could last for a while.
      if (database === 'postgres') await kind.query(server.url, 'select pg_switch_wal()').catch(() => {});
      await sleep(3_000);
      disk.free();
      // PostgreSQL has ended by itself, so it is started again as an operator would.
      await server.crash(0);
      await sending.endAfterFault();

      const rows = await kind.query(server.url, 'select txnid, status from dragonpay_transactions');
      expect(rows.filter(({ status }) => status === 'S').length).to.equal(txnids.length);
      const effects = await kind.query(server.url, 'select id, count(*) as runs from fault_effects group by id');
      expect(effects.filter(({ runs }) => Number(runs) === 1).length).to.equal(txnids.length);
      expect(sending.told.refused).to.be.greaterThan(0);
      expect(sending.told.after).to.be.greaterThan(0);
    });
  });
}
