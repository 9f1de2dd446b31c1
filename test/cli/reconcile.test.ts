import { execFile } from 'node:child_process';
import { expect } from 'chai';
import { sql } from 'kysely';
import { KyselyRepository } from '../../src/kysely.js';
import { type Sandbox, startSandbox } from '../../src/testing.js';
import { runCli, startCli } from '../support/cli.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const withHandler = 'test/fixtures/cli/receiver-with-handler.ts';

describe('dragonpay-callback reconcile', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let repository: KyselyRepository;
  let sandbox: Sandbox;

  before(async () => {
    database = await createTestDatabase();
    repository = new KyselyRepository(database.db) as unknown as KyselyRepository;
    await sql`create table shipped (txnid text primary key)`.execute(database.db);
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
  });
  afterEach(() => sandbox.close());
  after(() => database?.destroy());

  function reconcile(...args: string[]) {
    const { url, settings } = sandbox;
    return runCli(['reconcile', ...args], {
      DATABASE_URL: database.url,
      GATEWAY_URL: url,
      GATEWAY_KEY: settings.apiKey,
    });
  }

  async function state() {
    const { rows } = await database.pool.query('select txnid, status from dragonpay_transactions order by txnid');
    const shipped = await database.pool.query('select txnid from shipped');
    return {
      rows: rows.map(({ status }) => status).join(''),
      shipped: shipped.rows.map(({ txnid }) => txnid),
    };
  }

  it('moves what the gateway has news of, runs the effects with it, and ends although a pool is open', async () => {
    const { code, stdout, stderr } = await reconcile('--module', withHandler, '--older-than', '0', '--json');
    expect(code, stderr).to.equal(0);
    expect(stderr, 'no terminal, no bar').to.equal('');
    expect(JSON.parse(stdout)).to.deep.include({ asked: 3, applied: 3, failed: 0, stopped: false });
    expect(await state()).to.deep.equal({ rows: 'SFP', shipped: ['T-1'] });
  });

  it('knows the class of the endpoint that the module has made', async () => {
    const module = 'test/fixtures/cli/receiver-with-endpoint.ts';
    const { code, stdout } = await reconcile('--module', module, '--txnid', 'T-1', '--txnid', 'T-9');
    expect(code).to.equal(0);
    expect(stdout)
      .to.match(/^ +1 {2}moved$/m)
      .and.match(/^ +1 {2}skipped: /m);
    expect(await state()).to.deep.equal({ rows: 'SPP', shipped: ['T-1'] });
  });

  for (const [what, module, said] of [
    ['no class', 'test/fixtures/cli/receiver.ts', 'handler is missing: no endpoint accepts payments'],
    ['no receiver', 'src/protocol/generate-txn-id.ts', 'exports no `dragonpay`'],
  ] as const) {
    it(`moves no row where there is ${what}, whose effects would be lost`, async () => {
      const { code, stdout, stderr } = await reconcile('--module', module, '--older-than', '0');
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
      expect(stderr).to.include(said);
      expect(await state()).to.deep.equal({ rows: 'PPP', shipped: [] });
    });
  }

  it('ends with 1 where the gateway is down, and moves nothing', async () => {
    await sandbox.close();
    const { code, stdout } = await reconcile('--module', withHandler, '--older-than', '0');
    expect(code).to.equal(1);
    expect(stdout)
      .to.match(/^ +3 {2}failed, asked about again by a later run$/m)
      .and.include('The run ended early.');
    expect(await state()).to.deep.equal({ rows: 'PPP', shipped: [] });
  });

  it('takes as many as it may, and those old enough', async () => {
    const few = await reconcile('--module', withHandler, '--older-than', '0', '--limit', '1', '--json');
    expect(JSON.parse(few.stdout)).to.include({ asked: 1 });
    const young = await reconcile('--module', withHandler, '--json');
    expect(JSON.parse(young.stdout)).to.include({ asked: 0 });
  });

  it('ends early when it is interrupted, and says so', async () => {
    sandbox.misbehave({ answerMilliseconds: 1500 });
    const { url, settings } = sandbox;
    const env = { DATABASE_URL: database.url, GATEWAY_URL: url, GATEWAY_KEY: settings.apiKey };
    const args = ['reconcile', '--module', withHandler, '--older-than', '0', '--concurrency', '1', '--json'];
    const { child, ended } = startCli(args, env);
    for (;;) {
      const { rows } = await database.pool.query(
        'select from dragonpay_transactions where inquiry_leased_until is not null',
      );
      if (rows.length > 0) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    expect(code).to.equal(1);
    expect(JSON.parse(stdout)).to.include({ stopped: true });
  });

  it('shows a bar where stderr is a terminal', async () => {
    const { stdout } = await reconcileInTerminal();
    expect(stdout).to.match(/\[#{8}-{16}\] 1 of at most 3, \d moved, 0 failed/);
    expect(stdout).to.match(/\[#{24}\] 3 of at most 3, 3 moved, 0 failed\r\u001b\[2K/);
  });

  /** `script` gives the command a terminal of its own. */
  async function reconcileInTerminal() {
    const { url, settings } = sandbox;
    const env = { ...process.env, DATABASE_URL: database.url, GATEWAY_URL: url, GATEWAY_KEY: settings.apiKey };
    const command = `${process.execPath} --import tsx src/cli/main.ts reconcile --module ${withHandler} --older-than 0 --limit 3`;
    return new Promise<{ stdout: string }>((resolve) => {
      execFile('script', ['-qec', command, '/dev/null'], { env }, (_error, stdout) => resolve({ stdout }));
    });
  }
});
