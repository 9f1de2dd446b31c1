import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import express from 'express';
import type { Container } from 'inversify';
import { CamelCasePlugin, sql } from 'kysely';
import pg from 'pg';
import {
  type CallbackRepository,
  createDragonpay,
  type Dragonpay,
  type DragonpaySettings,
  decorateHandler,
  type HandlerClass,
  type JobPayload,
  type JobQueue,
  OnPost,
  OnStatus,
  type QueuedCallback,
  type StoredCallback,
} from '../../src/index.js';
import { type DragonpayTables, KyselyRepository } from '../../src/kysely.js';
import { deliver, encodeCallback, signCallback } from '../../src/testing.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { CodeFolder, codeUnder, printed } from '../support/documented-code.js';
import { freePort } from '../support/free-port.js';
import { answers, root, runProgram } from '../support/program.js';

/** Runs code of the pages, which finds `repository`, `dragonpay`, `db` and `app` as globals. */
describe('Documented code', function () {
  this.timeout(30_000);
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const settings: DragonpaySettings = {
    merchantId: 'ACME',
    environment: 'test',
    verification: { rsa: { publicKeys: [publicKey] } },
    hooks: { rejected: () => {}, stored: () => {}, handlerFailed: () => {} },
  };
  let folder: CodeFolder;
  let database: TestDatabase;
  let repository: KyselyRepository<DragonpayTables>;
  let dragonpay: Dragonpay;

  before(async () => {
    folder = await CodeFolder.create();
    database = await createTestDatabase();
    await sql`create table orders (txnid text primary key, paid boolean not null)`.execute(database.db);
    await sql`create table refunds (txnid text, refno text, amount numeric, primary key (txnid, refno, amount))`.execute(
      database.db,
    );
    repository = new KyselyRepository(database.db);
  });
  beforeEach(() => {
    // A receiver for each recipe: replay() looks for the one handler class that it serves.
    dragonpay = createDragonpay({ ...settings, repository });
    Object.assign(globalThis, { repository, dragonpay, db: database.db });
  });
  after(async () => {
    for (const name of ['repository', 'dragonpay', 'db', 'app', 'Mailer', 'settings', 'CheckoutCallback'])
      Reflect.deleteProperty(globalThis, name);
    await database?.destroy();
    await folder.remove();
  });

  /** Runs the first TypeScript under a heading. */
  async function exportsUnder(path: string, heading: string): Promise<Record<string, unknown>> {
    const [code = ''] = await codeUnder(path, heading, 'ts');
    return folder.run(heading, code);
  }

  const recipe = (heading: string) => exportsUnder('docs/recipes.md', heading);

  const postback = (txnid: string, fields: Record<string, string> = {}) =>
    signCallback(
      { txnid, refno: 'REF1', status: 'S', message: 'Paid', merchantid: 'ACME', amount: '110.00', ...fields },
      { rsa: { privateKey } },
    );

  async function order(txnid: string, amount = '100.00') {
    await repository.createPayment({ txnid, amount });
    await sql`insert into orders values (${txnid}, false)`.execute(database.db);
  }

  async function state(txnid: string) {
    const { rows } = await sql<{ paid: boolean }>`select paid from orders where txnid = ${txnid}`.execute(database.db);
    const row = await repository.findPayment(txnid);
    return { status: row?.status, amount: row?.amount, refno: row?.refno, paid: rows.map(({ paid }) => paid) };
  }

  it('names the tables as CamelCasePlugin does', async () => {
    const { paid } = await exportsUnder('docs/storage.md', 'Plugins of Kysely');
    await repository.createPayment({ txnid: 'CAMEL-1', amount: '1.00', status: 'S' });
    const rows = (await (paid as (db: unknown) => Promise<Record<string, unknown>[]>)(
      database.db.withPlugin(new CamelCasePlugin()),
    )) as Record<string, unknown>[];
    const row = rows.find(({ txnid }) => txnid === 'CAMEL-1');
    expect(Object.keys(row ?? {})).to.deep.equal(['txnid', 'createdAt']);
    expect(row?.createdAt).to.be.instanceOf(Date);
  });

  it('keeps refused callbacks in a file, for verify', async () => {
    const [code = ''] = await codeUnder('docs/verification.md', 'Keep refused callbacks', 'ts');
    const file = join(await mkdtemp(join(tmpdir(), 'refused-')), 'refused.jsonl');
    Object.assign(globalThis, { settings });
    const inFile = code.replace("'refused.jsonl'", JSON.stringify(file));
    const { dragonpay } = await folder.run('keep-refused', inFile);
    class Silent {
      post() {}
    }
    decorateHandler(Silent, { post: OnPost() });
    const form = encodeCallback({ ...postback('BK-1'), status: 'F' });
    await deliver((dragonpay as Dragonpay).endpoint(Silent), form);
    for (let tries = 0; !existsSync(file) && tries < 100; tries++) await sleep(20);
    const kept = JSON.parse(await readFile(file, 'utf8'));
    expect(kept).to.include({ form, code: 'proof-mismatch', method: 'POST' });
  });

  it('FeeCallback accepts a small fee in the amount, and refuses a large one', async () => {
    const { FeeCallback } = await recipe('A fee in the amount');
    const endpoint = dragonpay.endpoint(FeeCallback as HandlerClass);
    await order('FEE-1');
    for (const _ of ['first', 'again']) {
      expect((await deliver(endpoint, postback('FEE-1'))).body).to.equal('result=OK');
    }
    expect(await state('FEE-1')).to.deep.equal({ status: 'S', amount: '110.00', refno: 'REF1', paid: [true] });
    await order('FEE-2');
    await deliver(endpoint, postback('FEE-2', { amount: '190.00' }));
    await deliver(endpoint, postback('FEE-2', { amount: '90.00', refno: 'REF2' }));
    expect(await state('FEE-2')).to.deep.equal({ status: 'P', amount: '100.00', refno: null, paid: [false] });
  });

  it('LifetimeIdCallback makes the row of a payment that the payer started, once', async () => {
    const { LifetimeIdCallback } = await recipe('Payments that the payer started');
    const endpoint = dragonpay.endpoint(LifetimeIdCallback as HandlerClass);
    const replies = await Promise.all(Array.from({ length: 5 }, () => deliver(endpoint, postback('LIFE-1'))));
    expect(replies.map(({ body }) => body)).to.deep.equal(Array(5).fill('result=OK'));
    expect(await state('LIFE-1')).to.deep.equal({ status: 'S', amount: '110.00', refno: 'REF1', paid: [true] });
  });

  it('acceptRefno settles a second refno by hand', async () => {
    const { acceptRefno } = await recipe('A second refno for one txnid');
    const { FeeCallback } = await recipe('A fee in the amount');
    const endpoint = dragonpay.endpoint(FeeCallback as HandlerClass);
    await order('REFNO-1', '110.00');
    await deliver(endpoint, postback('REFNO-1', { status: 'F' }));
    await deliver(endpoint, postback('REFNO-1', { refno: 'REF2' }));
    expect(await state('REFNO-1')).to.include({ status: 'F', refno: 'REF1' });
    await (acceptRefno as (txnid: string, refno: string, by: string) => Promise<void>)('REFNO-1', 'REF2', 'ana');
    expect(await state('REFNO-1')).to.deep.equal({ status: 'S', amount: '110.00', refno: 'REF2', paid: [true] });
  });

  it('RefundCallback records a partial refund once, and leaves the payment paid', async () => {
    const { RefundCallback } = await recipe('Partial refunds');
    const endpoint = dragonpay.endpoint(RefundCallback as HandlerClass);
    await repository.createPayment({ txnid: 'PART-1', amount: '110.00' });
    await deliver(endpoint, postback('PART-1'));
    for (const _ of ['first', 'again']) await deliver(endpoint, postback('PART-1', { status: 'R', amount: '40.00' }));
    const { rows } = await sql`select txnid, refno, amount::text from refunds`.execute(database.db);
    expect(rows).to.deep.equal([{ txnid: 'PART-1', refno: 'REF1', amount: '40.00' }]);
    expect(await state('PART-1')).to.include({ status: 'S' });
  });

  it('QueryCallback stores a POST whose data is in the query, and one with a body', async () => {
    const app = express();
    Object.assign(globalThis, { app });
    await recipe('A POST whose data is in the query');
    const server = createServer(app).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/dragonpay/query`;
    try {
      await order('QUERY-1', '110.00');
      const query = encodeCallback(postback('QUERY-1'));
      expect(await (await fetch(`${url}?${query}`, { method: 'POST' })).text()).to.equal('result=OK');
      expect(await state('QUERY-1')).to.include({ status: 'S' });
      await order('QUERY-2', '110.00');
      const body = new URLSearchParams(postback('QUERY-2'));
      expect(await (await fetch(url, { method: 'POST', body })).text()).to.equal('result=OK');
      expect(await state('QUERY-2')).to.include({ status: 'S' });
    } finally {
      server.close();
    }
  });

  it('MyCallback, migrated from django-dragonpay, shows the status and marks an order paid', async () => {
    const { MyCallback } = await exportsUnder('docs/coming-from-django-dragonpay.md', 'One class, before and after');
    const endpoint = dragonpay.endpoint(MyCallback as HandlerClass);
    const show = async (fields: Record<string, string>) =>
      (await deliver(endpoint, postback('DJANGO-1', fields), { method: 'GET' })).body;
    await order('DJANGO-1', '110.00');
    expect(await show({})).to.equal('Please check your email');
    await deliver(endpoint, postback('DJANGO-1', { status: 'F', message: '[107] Transaction cancelled' }));
    expect(await show({ status: 'F', message: '[107] Transaction cancelled' })).to.equal(
      'You cancelled the transaction',
    );
    expect(await show({ status: 'F', message: '[108] Insufficient funds' })).to.equal('The payment failed');
    await deliver(endpoint, postback('DJANGO-1'));
    expect(await show({ status: 'F', message: 'canceled' })).to.equal('Transaction successful');
    expect(await state('DJANGO-1'))
      .to.include({ status: 'S' })
      .and.deep.include({ paid: [true] });
  });

  it('importRow imports a row whose status a repeated callback does not enter again', async () => {
    const { importRow } = await exportsUnder('docs/coming-from-django-dragonpay.md', 'Existing rows');
    const row = { id: 'DJANGO-2', refno: 'REF1', status: 'S', amount: '110.00', currency: 'PHP' };
    await (importRow as (row: object) => Promise<void>)(row);
    const { FeeCallback } = await recipe('A fee in the amount');
    await sql`insert into orders values ('DJANGO-2', false)`.execute(database.db);
    await deliver(dragonpay.endpoint(FeeCallback as HandlerClass), postback('DJANGO-2'));
    expect(await state('DJANGO-2'))
      .to.include({ status: 'S' })
      .and.deep.include({ paid: [false] });
  });

  it('PaymentRepository runs an effect once, and rolls back with it', async () => {
    const path = 'docs/your-own-repository.md';
    const [ddl = ''] = await codeUnder(path, 'Write one', 'sql');
    const { PaymentRepository } = await exportsUnder(path, 'Write one');
    const pool = new pg.Pool({ connectionString: database.url });
    try {
      await pool.query(ddl);
      await pool.query(`insert into my_payments (txnid, amount) values ('OWN-1', 110), ('OWN-2', 110)`);
      await pool.query('create table my_orders (txnid text)');
      const own = new (PaymentRepository as new (pool: pg.Pool) => CallbackRepository<pg.PoolClient>)(pool);
      let failures = 1;
      class OwnCallback {
        async ship({ trx, data }: StoredCallback<'S', pg.PoolClient>) {
          await trx.query('insert into my_orders values ($1)', [data.txnid]);
          if (failures-- > 0) await trx.query('select 1 / 0').catch(() => {});
        }
      }
      decorateHandler(OwnCallback, { ship: OnStatus('S') });
      const endpoint = createDragonpay({ ...settings, repository: own }).endpoint(OwnCallback);
      expect((await deliver(endpoint, postback('OWN-1'))).body).to.equal('error=unstored');
      const bodies = await Promise.all(Array.from({ length: 5 }, () => deliver(endpoint, postback('OWN-1'))));
      expect(bodies.map(({ body }) => body)).to.deep.equal(Array(5).fill('result=OK'));
      await deliver(endpoint, postback('OWN-2', { amount: '99.00' }));
      expect((await pool.query('select * from my_orders')).rows).to.deep.equal([{ txnid: 'OWN-1' }]);
      const events = await pool.query('select txnid, outcome, reasons from my_events order by txnid');
      expect(events.rows).to.deep.equal([
        { txnid: 'OWN-1', outcome: 'applied', reasons: [] },
        { txnid: 'OWN-2', outcome: 'mismatch', reasons: ['amount'] },
      ]);
      expect(await own.findPayment('OWN-1'))
        .to.include({ status: 'S', amount: '110.00' })
        .and.deep.include({
          reached: ['S'],
        });
    } finally {
      await pool.end();
    }
  });

  it('the program of plain-javascript.md serves callbacks without decorator syntax', async () => {
    const [code = ''] = await codeUnder('docs/plain-javascript.md', 'Plain JavaScript', 'js');
    const port = await freePort();
    const program = runProgram(await folder.write('plain.js', code), {
      PORT: String(port),
      DRAGONPAY_MERCHANT_ID: 'ACME',
      DRAGONPAY_ENVIRONMENT: 'test',
      DRAGONPAY_SECRET_KEYS: 'a secret',
    });
    try {
      const fields = { txnid: 'BK-1', refno: 'REF1', status: 'S', message: 'Paid' };
      const form = new URLSearchParams(signCallback(fields, { sha1: { secretKey: 'a secret' } }));
      const url = `http://127.0.0.1:${port}/`;
      await answers(url, program);
      expect(await (await fetch(url, { method: 'POST', body: form })).text()).to.equal('result=OK');
      await program.printed(/^Ship the order BK-1$/m);
      expect(await (await fetch(`${url}?${form}`)).text()).to.equal('Transaction successful');
    } finally {
      await program.stop();
    }
  });

  it('CheckoutCallback of handlers.md pays the order, shows the row and measures the request', async () => {
    const { CheckoutCallback } = await exportsUnder('docs/handlers.md', 'Handlers');
    const endpoint = dragonpay.endpoint(CheckoutCallback as HandlerClass);
    await order('HANDLERS-1', '110.00');
    const lines = await printed(async () => {
      expect((await deliver(endpoint, postback('HANDLERS-1'))).body).to.equal('result=OK');
    });
    expect(lines[0]).to.equal('payment S applied');
    expect(lines[1]).to.match(/^POST 200 [\d.]+$/);
    expect(await state('HANDLERS-1')).to.deep.include({ status: 'S', paid: [true] });
    await printed(async () => {
      const { body } = await deliver(endpoint, postback('HANDLERS-1'), { method: 'GET' });
      expect(body).to.equal('<p>The payment is complete.</p>');
    });
  });

  it('the weekly loop of going-live.md prints each event with its reason', async () => {
    const { FeeCallback } = await recipe('A fee in the amount');
    const endpoint = dragonpay.endpoint(FeeCallback as HandlerClass);
    await order('WEEK-1');
    await deliver(endpoint, postback('WEEK-1', { amount: '999.00' }));
    await deliver(endpoint, postback('WEEK-2'));
    const lines = await printed(async () => {
      await exportsUnder('docs/going-live.md', '6. What to look at each week');
    });
    expect(lines.filter((line) => line.includes('WEEK')).map((line) => line.split(' ').slice(0, 4))).to.deep.equal([
      ['amount', 'payment', 'WEEK-1', 'S'],
      ['not-found', 'payment', 'WEEK-2', 'S'],
    ]);
  });

  it('the container of dependency-injection.md makes a handler with its service', async () => {
    const [code = ''] = await codeUnder('docs/dependency-injection.md', 'Inversify', 'ts');
    const program = `class Mailer { async thank() { console.log('thanked'); } }
const settings = { merchantId: 'ACME', environment: 'test', verification: { sha1: { secretKeys: ['a secret'] } } } as const;
${code}
import { deliver, signCallback } from 'dragonpay-callback/testing';
const fields = { txnid: 'DI-1', refno: 'REF1', status: 'S', message: 'Paid' };
console.log((await deliver(endpoint, signCallback(fields, { sha1: { secretKey: 'a secret' } }))).body);
`;
    // Parameter decorators need a tsconfig.json with experimentalDecorators.
    const tsconfig = { extends: join(root, 'tsconfig.json'), compilerOptions: { rootDir: '/' }, include: ['*.ts'] };
    const TSX_TSCONFIG_PATH = await folder.write('tsconfig.json', JSON.stringify(tsconfig));
    const running = runProgram(await folder.write('inversify.ts', program), { TSX_TSCONFIG_PATH });
    await running.printed(/^thanked\nresult=OK$/m);
    await running.stop();
  });

  it('the resolver and the rebinding of dependency-injection.md are used for callbacks', async () => {
    let thanks = 0;
    class Mailer {
      async thank() {
        thanks++;
      }
    }
    Object.assign(globalThis, { Mailer, settings: { ...settings, repository } });
    const path = 'docs/dependency-injection.md';
    const { dragonpay: own, Checkout } = await exportsUnder(path, 'Dependency injection');
    await order('DI-1', '110.00');
    await deliver((own as Dragonpay).endpoint(Checkout as HandlerClass), postback('DI-1'));
    expect(thanks).to.equal(1);
    const { dragonpay: rebound, container } = await exportsUnder(path, 'Rebinding');
    const { FeeCallback } = await recipe('A fee in the amount');
    (container as Container).bind(FeeCallback as never).toConstantValue(new (FeeCallback as new () => object)());
    await order('DI-2', '110.00');
    const { status } = await deliver((rebound as Dragonpay).endpoint(FeeCallback as HandlerClass), postback('DI-2'));
    expect(status).to.equal(200);
    expect(await state('DI-2')).to.include({ status: 'P' });
  });

  it('AlertingRepository warns about a mismatch, and stores as the wrapped repository does', async () => {
    const { AlertingRepository } = await exportsUnder('docs/your-own-repository.md', 'Wrap one');
    const wrapped = new (AlertingRepository as new (inner: CallbackRepository) => CallbackRepository)(repository);
    const { FeeCallback } = await recipe('A fee in the amount');
    const endpoint = createDragonpay({ ...settings, repository: wrapped }).endpoint(FeeCallback as HandlerClass);
    await order('WRAP-1');
    const lines = await printed(() => deliver(endpoint, postback('WRAP-1', { amount: '999.00' })));
    expect(lines).to.deep.equal(['WRAP-1 differs in amount']);
    expect(await wrapped.findPayment('WRAP-1')).to.include({ status: 'P' });
  });

  it('the first test of testing.md passes in node:test', async () => {
    const [code = ''] = await codeUnder('docs/testing.md', 'One callback', 'ts');
    const handler = `import { DragonpayCallback } from 'dragonpay-callback';
@DragonpayCallback()
class CheckoutCallback {}
`;
    const running = runProgram(await folder.write('node-test.ts', handler + code), {});
    // Rejects if the program ends without it.
    await running.printed(/pass 1\n.*fail 0\n/);
    await running.stop();
  });

  it('the check of testing.md passes for an effect in the transaction', async () => {
    const [code = ''] = await codeUnder('docs/testing.md', 'Exactly once', 'ts');
    const { FeeCallback: CheckoutCallback } = await recipe('A fee in the amount');
    const sha1 = { secretKeys: ['a secret'] };
    const own = createDragonpay({ ...settings, verification: { sha1 }, repository });
    Object.assign(globalThis, { CheckoutCallback, dragonpay: own });
    const collect = 'export const tests = []; const it = (_title, run) => tests.push(run);\n';
    const { tests } = await folder.run('exactly-once', `// @ts-nocheck\n${collect}${code}`);
    for (const run of tests as Array<() => Promise<void>>) await run();
    expect(tests).to.have.length(1);
  });

  it('the gateway of testing.md settles a payment', async () => {
    const [code = ''] = await codeUnder('docs/testing.md', 'A whole gateway', 'ts');
    const { FeeCallback: CheckoutCallback } = await recipe('A fee in the amount');
    Object.assign(globalThis, { CheckoutCallback });
    await sql`insert into orders values ('BK-GATEWAY', false)`.execute(database.db);
    const port = String(await freePort());
    await folder.run('whole-gateway', code.replaceAll('3000', port).replaceAll('BK-1', 'BK-GATEWAY'));
    expect(await state('BK-GATEWAY')).to.deep.include({ status: 'S', paid: [true] });
  });

  it('the corpus of testing.md passes', async () => {
    const [code = ''] = await codeUnder('docs/testing.md', 'A corpus of requests', 'ts');
    const collect = 'export const tests = []; const it = (_title, run) => tests.push(run);\n';
    const { tests } = await folder.run('corpus', `// @ts-nocheck\n${collect}${code}`);
    for (const run of tests as Array<() => Promise<void>>) await run();
    expect(tests).to.have.length(1);
  });

  it('the outbox of work-after-commit.md gets its job in the transaction of the status', async () => {
    const [code = ''] = await codeUnder('docs/work-after-commit.md', 'Another queue', 'ts');
    const { outbox } = await folder.run('outbox', code);
    await sql`create table outbox (queue text, key text primary key, payload jsonb)`.execute(database.db);
    const done: string[] = [];
    class Mails {
      thank({ data }: QueuedCallback<'S'>) {
        done.push(data.txnid);
      }
    }
    decorateHandler(Mails, { thank: OnStatus('S', { queue: 'mail' }) });
    const own = createDragonpay({ ...settings, repository, queue: outbox as JobQueue });
    await repository.createPayment({ txnid: 'OUTBOX-1', amount: '110.00' });
    for (const _ of ['first', 'again']) await deliver(own.endpoint(Mails), postback('OUTBOX-1'));
    const { rows } = await sql<{ key: string; payload: JobPayload }>`select key, payload from outbox`.execute(
      database.db,
    );
    expect(rows.map(({ key }) => key)).to.deep.equal(['mail:payment:OUTBOX-1:S']);
    for (const { payload } of rows) await own.work(Mails).run(payload);
    expect(done).to.deep.equal(['OUTBOX-1']);
  });
});
