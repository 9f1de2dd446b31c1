import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Kysely } from 'kysely';
import pg from 'pg';
import { DragonpayCallback, OnStatus } from '../../src/index.js';
import { type DragonpayTables, KyselyRepository, type StoredCallback } from '../../src/kysely.js';
import { dispatchSigned, paymentFields, testDragonpay } from '../support/dispatch-signed.js';
import { CodeFolder, codeUnder } from '../support/documented-code.js';
import { migrateTestDatabase } from '../support/test-server.js';
import { ReplicatedPostgres } from './replicated-postgres.js';
import { sendUntilStored } from './send-until-stored.js';

type Database = DragonpayTables & { effects: { txnid: string } };

@DragonpayCallback()
class Shop {
  /** Other statuses are stored without a transaction of their own. */
  @OnStatus('S')
  async paid({ trx, data: { txnid } }: StoredCallback<'S', Database>) {
    await trx.insertInto('effects').values({ txnid }).execute();
  }
}

describe('Failover to a synchronous standby, with the pool of docs/storage.md', function () {
  this.timeout(120_000);
  this.slow(30_000);
  let servers: ReplicatedPostgres;
  let folder: CodeFolder;
  let db: Kysely<Database>;
  let repository: KyselyRepository<Database>;

  before(async () => {
    servers = await ReplicatedPostgres.start();
    folder = await CodeFolder.create();
    const [code = ''] = await codeUnder('docs/storage.md', 'Failover', 'ts');
    process.env.DATABASE_URLS = servers.nodes.join(' ');
    // Errors of connections to a killed server are expected here.
    const quiet = code.replace('console.error', '() => {}');
    ({ db } = (await folder.run('failover', quiet)) as { db: Kysely<Database> });
    delete process.env.DATABASE_URLS;
    await migrateTestDatabase(db as unknown as Kysely<DragonpayTables>, {});
    await db.schema.createTable('effects').addColumn('txnid', 'text').execute();
    repository = new KyselyRepository(db);
  });
  after(async () => {
    await db?.destroy();
    await servers?.stop();
    await folder?.remove();
  });

  function open() {
    const dragonpay = testDragonpay({ repository, limits: { handlerMilliseconds: 300, storeMilliseconds: 500 } });
    return dragonpay.endpoint(Shop);
  }

  async function makePayments(prefix: string, count: number): Promise<readonly string[]> {
    const txnids = Array.from({ length: count }, (_, number) => `${prefix}-${number}`);
    for (const txnid of txnids) await repository.createPayment({ txnid, amount: '100.00' });
    return txnids;
  }

  /** Reads what is stored over a connection of its own, without the pool under test. */
  async function storedOf(txnids: readonly string[]): Promise<readonly string[]> {
    const client = new pg.Client({ connectionString: servers.url });
    await client.connect();
    try {
      const { rows } = await client.query(
        `select status, (select count(*)::int from effects e where e.txnid = t.txnid) as effects
from dragonpay_transactions t where txnid = any ($1) order by txnid`,
        [txnids],
      );
      return rows.map(({ status, effects }) => `${status}, ${effects} effects`);
    } finally {
      await client.end();
    }
  }

  it('keeps each callback that was answered 2xx, and runs no effect twice', async () => {
    const endpoint = open();
    const txnids = await makePayments('load', 400);
    const sending = sendUntilStored(endpoint, txnids, { atOnce: 8, pause: 20 });
    await sending.haveStored(50);
    await servers.failOver();
    await servers.addStandby();
    await sending.endAfterFault();
    expect(sending.told.before).to.be.within(50, 399);
    expect(sending.told.refused).to.be.greaterThan(0);
    expect(sending.told.after).to.be.greaterThan(0);
    expect(await storedOf(txnids)).to.deep.equal(txnids.map(() => 'S, 1 effects'));
  });

  it('answers no callback 2xx while the standby is away', async () => {
    const endpoint = open();
    const txnids = await makePayments('away', 6);
    const send = async (txnid: string, status: string) =>
      (await dispatchSigned(endpoint, paymentFields({ txnid, status }))).status;
    const statusOf = (txnid: string) => (Number(txnid.slice(-1)) % 2 === 0 ? 'S' : 'F');
    // Longer than the time-outs of the transactions: PostgreSQL then commits on the primary alone.
    let isAway = true;
    const away = servers.loseStandby(4_000).then(() => {
      isAway = false;
    });
    await sleep(200);
    const answers: number[] = [];
    const sender = async (txnid: string) => {
      while (isAway) {
        answers.push(...(await Promise.all([send(txnid, statusOf(txnid)), send(txnid, statusOf(txnid))])));
        await sleep(150);
      }
    };
    await Promise.all([away, ...txnids.map(sender)]);
    expect(answers.length).to.be.greaterThan(12);
    expect(answers.filter((status) => status < 500)).to.deep.equal([]);

    await servers.failOver();
    expect(await storedOf(txnids), 'what was answered 503').to.deep.equal(txnids.map(() => 'P, 0 effects'));
    await servers.addStandby();
    for (const txnid of txnids) {
      let status = 503;
      for (let tries = 0; tries < 40 && status !== 200; tries++) {
        status = await send(txnid, statusOf(txnid));
        if (status !== 200) await sleep(100);
      }
      expect(status).to.equal(200);
    }
    const expected = txnids.map((txnid) => (statusOf(txnid) === 'S' ? 'S, 1 effects' : 'F, 0 effects'));
    expect(await storedOf(txnids)).to.deep.equal(expected);
  });
});
