import { expect } from 'chai';
import { sql } from 'kysely';
import { createDragonpay, DragonpayCallback, OnStatus } from '../../src/index.js';
import { type DragonpayTables, KyselyRepository, type StoredCallback } from '../../src/kysely.js';
import { type Sandbox, startSandbox } from '../../src/testing.js';
import { setExports } from '../fixtures/cli/replaceable-module.js';
import { runCommand, startCli, startCommand } from '../support/cli.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { type CreatedDatabase, describeDatabases } from '../support/databases.js';

const module = 'test/fixtures/cli/replaceable-module.ts';

type Database = DragonpayTables & { shipped: { txnid: string } };

@DragonpayCallback()
class Shop {
  @OnStatus('S')
  async ship({ trx, data }: StoredCallback<'S', Database>) {
    await trx.insertInto('shipped').values({ txnid: data.txnid }).execute();
  }
}

describe('dragonpay-callback reconcile', () => {
  let database: TestDatabase;
  let repository: KyselyRepository<DragonpayTables>;
  let sandbox: Sandbox;

  before(async () => {
    database = await createTestDatabase();
    repository = new KyselyRepository(database.db);
    await database.pool.query('create table shipped (txnid text primary key)');
  });
  beforeEach(async () => {
    await database.pool.query('truncate dragonpay_transactions, dragonpay_callbacks, shipped');
    sandbox = await startSandbox();
    for (const txnid of ['T-1', 'T-2', 'T-3']) {
      await repository.createPayment({ txnid, amount: '100.00' });
      await sandbox.createPayment({ txnid, amount: '100.00' });
    }
    await sandbox.settle('T-1', 'S');
    await sandbox.settle('T-2', 'F');
    setExports({ dragonpay: createReceiver(), handler: Shop });
  });
  afterEach(() => sandbox.close());
  after(() => database?.destroy());

  function createReceiver() {
    return createDragonpay({
      ...sandbox.settings,
      repository,
      inquiry: { attempts: 1, timeoutMilliseconds: 2000 },
      hooks: { inquired: () => {} },
    });
  }

  const reconcile = (...args: string[]) => runCommand(['reconcile', '--module', module, ...args]);

  async function state() {
    const { rows } = await database.pool.query('select status from dragonpay_transactions order by txnid');
    const shipped = await database.pool.query('select txnid from shipped');
    return {
      statuses: rows.map(({ status }) => status).join(''),
      shipped: shipped.rows.map(({ txnid }) => txnid),
    };
  }

  it('ends as an executable although a pool is open, after it moved rows with their effects', async () => {
    const run = startCli(
      ['reconcile', '--module', 'test/fixtures/cli/receiver-with-handler.ts', '--older-than', '0', '--json'],
      { DATABASE_URL: database.url, GATEWAY_URL: sandbox.url, GATEWAY_KEY: sandbox.settings.apiKey },
    );
    const { code, stdout, stderr } = await run.ended;
    expect({ code, stderr }, 'there is no progress bar without a terminal').to.deep.equal({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).to.deep.include({ asked: 3, applied: 3, failed: 0, stopped: false });
    expect(await state()).to.deep.equal({ statuses: 'SFP', shipped: ['T-1'] });
  });

  it('uses the class of the only endpoint, and a default export', async () => {
    const dragonpay = createReceiver();
    dragonpay.endpoint(Shop);
    setExports({ default: { dragonpay } });
    const { code, stdout } = await reconcile('--txnid', 'T-1', '--txnid', 'T-9');
    expect(code).to.equal(0);
    expect(stdout)
      .to.match(/^ +1 {2}changed$/m)
      .and.match(/^ +1 {2}skipped: /m);
    expect(await state()).to.deep.equal({ statuses: 'SPP', shipped: ['T-1'] });
  });

  for (const [what, exports, message] of [
    ['no class', () => ({ dragonpay: createReceiver() }), /^error: .*\bhandler\b/],
    ['no receiver without DATABASE_URL', () => ({ handler: Shop }), /^error: set DATABASE_URL, or export /],
    ['nothing', () => ({}), /must export a class with @OnStatus methods as `handler`/],
  ] as const) {
    it(`moves no row if the module exports ${what}`, async () => {
      setExports(exports());
      const { code, stdout, stderr } = await reconcile('--older-than', '0');
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
      expect(stderr).to.match(message);
      expect(await state()).to.deep.equal({ statuses: 'PPP', shipped: [] });
    });
  }

  it('ends with 1 and moves no row if the gateway is down', async () => {
    await sandbox.close();
    const { code, stdout } = await reconcile('--older-than', '0');
    expect(code).to.equal(1);
    expect(stdout)
      .to.match(/^ +3 {2}failed; a later run asks again$/m)
      .and.include('The run stopped early.');
    expect(await state()).to.deep.equal({ statuses: 'PPP', shipped: [] });
  });

  it('asks at most --limit payments', async () => {
    const { stdout } = await reconcile('--older-than', '0', '--limit', '1', '--json');
    expect(JSON.parse(stdout)).to.include({ asked: 1 });
  });

  it('asks no payment that is younger than --older-than', async () => {
    expect(JSON.parse((await reconcile('--json')).stdout)).to.include({ asked: 0 });
  });

  it('stops early if it is interrupted', async () => {
    sandbox.misbehave({ answerMilliseconds: 300 });
    const run = startCommand(['reconcile', '--module', module, '--older-than', '0', '--concurrency', '1', '--json']);
    for (;;) {
      const leased = 'select from dragonpay_transactions where inquiry_leased_until is not null';
      if ((await database.pool.query(leased)).rows.length > 0) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    run.interrupt();
    const { code, stdout } = await run.ended;
    expect(code).to.equal(1);
    expect(JSON.parse(stdout)).to.include({ stopped: true });
  });

  it('shows a progress bar if stderr is a terminal', async () => {
    const args = ['reconcile', '--module', module, '--older-than', '0', '--limit', '3'];
    const { stderr } = await startCommand(args, {}, { isTTY: true }).ended;
    expect(stderr).to.match(/\[#{8}-{16}\] 1 of at most 3, \d changed, 0 failed/);
    expect(stderr).to.match(/\[#{24}\] 3 of at most 3, 3 changed, 0 failed\r\u001b\[2K$/);
  });
});

describeDatabases('dragonpay-callback reconcile with DATABASE_URL', ({ create, dialect }) => {
  let database: CreatedDatabase;
  let repository: KyselyRepository<DragonpayTables>;
  let sandbox: Sandbox;

  before(async function () {
    this.timeout(30_000);
    database = await create();
    repository = new KyselyRepository(database.db, { dialect });
    await sql`create table shipped (txnid varchar(40) primary key)`.execute(database.db);
    sandbox = await startSandbox();
  });
  after(async () => {
    await sandbox?.close();
    await database?.destroy();
  });

  const reconcile = (...args: string[]) =>
    runCommand(['reconcile', '--module', module, '--older-than', '0', ...args], {
      DATABASE_URL: database.url,
      DRAGONPAY_MERCHANT_ID: sandbox.settings.merchantId,
      DRAGONPAY_API_KEY: sandbox.settings.apiKey,
    });

  it('moves rows with the effects of a class that is exported alone', async () => {
    for (const txnid of ['U-1', 'U-2', 'U-3', 'U-4', 'U-5', 'U-6']) {
      await repository.createPayment({ txnid, amount: '100.00' });
      await sandbox.createPayment({ txnid, amount: '100.00' });
      if (txnid !== 'U-6') await sandbox.settle(txnid, 'S');
    }
    setExports({ handler: Shop });
    const { code, stdout, stderr } = await reconcile('--gateway', sandbox.url, '--json');
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).to.include({ asked: 6, applied: 6, failed: 0 });
    const { rows } = await sql<{ txnid: string }>`select txnid from shipped order by txnid`.execute(database.db);
    expect(rows.map(({ txnid }) => txnid)).to.deep.equal(['U-1', 'U-2', 'U-3', 'U-4', 'U-5']);
    expect((await repository.findPayment('U-6'))?.status).to.equal('P');
  });

  it('refuses options of the receiver that the module exports', async () => {
    setExports({ dragonpay: createDragonpay({ ...sandbox.settings, repository }), handler: Shop });
    for (const [name, value] of [
      ['gateway', sandbox.url],
      ['payouts', 'outgoing'],
    ] as const) {
      const { code, stderr } = await reconcile(`--${name}`, value);
      expect({ code, stderr }).to.deep.equal({
        code: 2,
        stderr: `error: --${name} must be left out: --module exports a \`dragonpay\`, which has its own\n`,
      });
    }
  });
});
