import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { secretKey } from '../../examples/support/demo-merchant.js';
import { type DragonpayTables, KyselyRepository } from '../../src/kysely.js';
import { encodeCallback, signCallback } from '../../src/testing.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { type Program, root, runProgram } from '../support/program.js';

/** Files that other examples import, and the shop, which has its own tests. */
const noProgram = ['checkout-callback.ts', 'support', 'shop'];

const ok = '200 result=OK';
const forged = '400 error=proof-mismatch';

/** A running example. */
interface Started {
  readonly program: Program;
  readonly url: string;
  /** The fields in the command that it prints. */
  readonly fields: Readonly<Record<string, string>>;
}

describe('Examples', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let repository: KyselyRepository<DragonpayTables>;
  let running: Started | undefined;

  before(async () => {
    database = await createTestDatabase();
    repository = new KyselyRepository(database.db);
  });
  afterEach(async () => {
    await running?.program.stop();
    running = undefined;
  });
  after(async () => {
    await database?.destroy();
  });

  async function start(
    example: string,
    environment: Readonly<Record<string, string | undefined>> = { DATABASE_URL: database.url },
  ): Promise<Started> {
    const program = runProgram(join('examples', example), { PORT: '0', ...environment });
    running = { program, url: '', fields: {} };
    const [, url = ''] = await program.printed(/Listening on (http:\S+)\n/);
    const [, form = ''] = await program.printed(/To pay: .*'(.+)'\n/);
    running = { program, url, fields: Object.fromEntries(new URLSearchParams(form)) };
    return running;
  }

  it('of the folder are all tested here', async () => {
    const entries = await readdir(join(root, 'examples'));
    expect(entries.filter((entry) => !noProgram.includes(entry))).to.have.members([
      'custom-repository.ts',
      'express.ts',
      'inversify.ts',
      'payouts.ts',
      'queue-graphile-worker.ts',
      'queue-pg-boss.ts',
      'standard-decorators',
    ]);
  });

  it('express.ts serves the shared handler class from PostgreSQL', async () => {
    const { program, url, fields } = await start('express.ts');
    const { txnid = '' } = fields;
    expect(await get(url, fields), 'a return before the postback').to.equal('200 <p>A book: status P</p>');
    expect(await post(url, fields, 'another key'), 'a forgery').to.equal(forged);
    expect((await repository.findPayment(txnid))?.status, 'after a forgery').to.equal('P');
    expect(await post(url, fields)).to.equal(ok);
    expect(await post(url, fields), 'a repeated one').to.equal(ok);
    expect(await get(url, fields), 'a return after the postback').to.equal('200 <p>A book: status S</p>');
    expect(await get(url, fields, 'another key'), 'a forged return').to.equal('400 <p>Please check your email.</p>');
    expect(await repository.findPayment(txnid)).to.include({ status: 'S', refno: 'R1', amount: '100.00' });
    const [event, ...others] = await repository.callbacks({ txnid });
    expect(event).to.include({ status: 'S', outcome: 'applied', deliveries: 2, proof: 'sha1' });
    expect(others, 'the forgery is no event').to.deep.equal([]);
    expect(await linesOf(program, 4)).to.deep.equal([
      'refused: proof-mismatch',
      `${txnid} is paid: ship it`,
      'received S, outcome: applied',
      'received S, outcome: duplicate',
    ]);
  });

  it('express.ts runs without a database', async () => {
    const { url, fields } = await start('express.ts', { DATABASE_URL: undefined });
    expect(await post(url, fields)).to.equal(ok);
    expect(await get(url, fields)).to.equal('200 <p>A book: status S</p>');
  });

  for (const example of ['queue-pg-boss.ts', 'queue-graphile-worker.ts']) {
    it(`${example} runs its job after the commit, once`, async () => {
      const { program, url, fields } = await start(example);
      const { txnid = '' } = fields;
      expect(await post(url, fields, 'another key')).to.equal(forged);
      expect(await post(url, fields)).to.equal(ok);
      expect(await post(url, fields), 'a repeated one').to.equal(ok);
      await program.printed(/mail for/);
      expect(await linesOf(program, 2)).to.deep.equal([`mail for ${txnid}, with the key mail:payment:${txnid}:S`]);
      expect((await repository.findPayment(txnid))?.status).to.equal('S');
    });
  }

  it('queue-pg-boss.ts starts its own database without DATABASE_URL, as every queue does', async () => {
    const { program, url, fields } = await start('queue-pg-boss.ts', { DATABASE_URL: undefined });
    expect(await post(url, fields)).to.equal(ok);
    await program.printed(new RegExp(`mail for ${fields.txnid}`));
  });

  it('inversify.ts calls a handler that the container constructed with its service', async () => {
    const { program, url, fields } = await start('inversify.ts');
    const { txnid = '' } = fields;
    expect(await post(url, fields, 'another key')).to.equal(forged);
    expect(await post(url, fields)).to.equal(ok);
    expect((await repository.findPayment(txnid))?.status).to.equal('S');
    expect(await linesOf(program, 1)).to.deep.equal([`the warehouse packs ${txnid}`]);
  });

  it('custom-repository.ts stores through the repository bound in the container', async () => {
    const { program, url, fields } = await start('custom-repository.ts');
    const { txnid = '' } = fields;
    for (const change of [{ amount: '1.00' }, { status: 'F' }, { status: 'S' }]) {
      expect(await post(url, { ...fields, ...change })).to.equal(ok);
    }
    expect(await repository.findPayment(txnid)).to.deep.include({ status: 'S', reached: ['F', 'S'] });
    const lines = await linesOf(program, 6);
    expect(lines.filter((line) => line.startsWith('ALERT'))).to.deep.equal([
      `ALERT payment ${txnid} S differs in amount`,
      `ALERT payment ${txnid} was paid late`,
    ]);
  });

  it('payouts.ts accepts payouts and refuses payments and forgeries', async () => {
    const { program, url, fields } = await start('payouts.ts');
    const { merchantTxnId = '', ...others } = fields;
    expect(await post(url, { txnid: merchantTxnId, ...others })).to.equal('400 error=kind-not-accepted');
    expect(await post(url, fields, 'another key')).to.equal(forged);
    expect(await post(url, { ...fields, refno: 'R9' }), 'another refno').to.equal(ok);
    expect((await repository.findPayout(merchantTxnId))?.status).to.equal('P');
    expect(await post(url, fields)).to.equal(ok);
    expect((await repository.findPayout(merchantTxnId))?.status).to.equal('S');
    expect(await linesOf(program, 3)).to.deep.equal(['mismatch', `${merchantTxnId} has been paid out`, 'applied']);
  });

  it('standard-decorators runs with its own tsconfig.json', async () => {
    const { program, url, fields } = await start('standard-decorators/main.ts', {
      DATABASE_URL: database.url,
      TSX_TSCONFIG_PATH: 'examples/standard-decorators/tsconfig.json',
    });
    const { txnid = '' } = fields;
    expect(await post(url, fields, 'another key')).to.equal(forged);
    expect(await post(url, fields)).to.equal(ok);
    expect(await get(url, fields)).to.equal('200 Transaction successful');
    expect((await repository.findPayment(txnid))?.status).to.equal('S');
    expect(await linesOf(program, 4)).to.deep.equal([
      'POST answered 400',
      `${txnid} is paid: ship it`,
      'POST answered 200',
      'GET answered 200',
    ]);
  });
});

/** The lines that an example printed after it was ready. Waits for `count` lines, at most one second. */
async function linesOf(program: Program, count: number): Promise<string[]> {
  for (let wait = 0; ; wait += 20) {
    const lines = program.output().split('\n');
    // The default hooks print lines that start with the name of the package.
    const said = lines.filter((line) => !/^(?:$|Listening on|To pay:|dragonpay-callback: )/.test(line));
    if (said.length >= count || wait > 1000) return said;
    await sleep(20);
  }
}

function signed(fields: Readonly<Record<string, string>>, key: string): string {
  const { digest: _, ...unsigned } = fields;
  return encodeCallback(signCallback(unsigned, { sha1: { secretKey: key } }));
}

async function post(url: string, fields: Readonly<Record<string, string>>, key = secretKey): Promise<string> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return textOf(await fetch(url, { method: 'POST', headers, body: signed(fields, key) }));
}

async function get(url: string, fields: Readonly<Record<string, string>>, key = secretKey): Promise<string> {
  return textOf(await fetch(`${url}?${signed(fields, key)}`));
}

async function textOf(response: Response): Promise<string> {
  return `${response.status} ${await response.text()}`;
}
