import { expect } from 'chai';
import { sql } from 'kysely';
import type { LambdaResult } from '../../adapters/http/lambda.js';
import type { LambdaEvent } from '../../adapters/http/lambda-event.js';
import type { ReconcileReport } from '../../src/index.js';
import { KyselyRepository } from '../../src/kysely.js';
import { encodeCallback, signCallback } from '../../src/testing.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { CodeFolder, codeUnder } from '../support/documented-code.js';

/** Runs the functions of docs/serverless.md on PostgreSQL, as a container would: one event after the other. */
describe('The functions of serverless.md', () => {
  const environment = {
    DRAGONPAY_MERCHANT_ID: 'ACME',
    DRAGONPAY_ENVIRONMENT: 'test',
    DRAGONPAY_SECRET_KEYS: 'a secret',
    DATABASE_URL: '',
  };
  let folder: CodeFolder;
  let database: TestDatabase;
  let handler: (event: LambdaEvent) => Promise<LambdaResult>;
  let reconcile: () => Promise<ReconcileReport>;
  let end: () => Promise<unknown>;

  before(async () => {
    folder = await CodeFolder.create();
    database = await createTestDatabase();
    await sql`create table orders (txnid text primary key, paid boolean not null)`.execute(database.db);
    Object.assign(process.env, environment, { DATABASE_URL: database.url });
    const [code = ''] = await codeUnder('docs/serverless.md', 'AWS Lambda', 'ts');
    const functions = await folder.run('lambda', code);
    ({ handler, reconcile } = functions as { handler: typeof handler; reconcile: typeof reconcile });
    end = () => (functions.pool as { end(): Promise<void> }).end();
  });
  after(async () => {
    for (const name of Object.keys(environment)) Reflect.deleteProperty(process.env, name);
    await end?.();
    await database?.destroy();
    await folder.remove();
  });

  /** An event of a function URL. */
  function postback(txnid: string): LambdaEvent {
    const fields = { txnid, refno: 'REF1', status: 'S', message: 'Paid' };
    const form = encodeCallback(signCallback(fields, { sha1: { secretKey: 'a secret' } }));
    return {
      rawPath: '/dragonpay/callback',
      rawQueryString: '',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      requestContext: { http: { method: 'POST', sourceIp: '203.0.113.7' } },
      body: Buffer.from(form).toString('base64'),
      isBase64Encoded: true,
    };
  }

  async function order(txnid: string): Promise<void> {
    await new KyselyRepository(database.db).createPayment({ txnid, amount: '100.00' });
    await sql`insert into orders values (${txnid}, false)`.execute(database.db);
  }

  async function isPaid(txnid: string): Promise<boolean | undefined> {
    const { rows } = await sql<{ paid: boolean }>`select paid from orders where txnid = ${txnid}`.execute(database.db);
    return rows[0]?.paid;
  }

  it('mark an order paid, through one connection', async () => {
    await order('BK-1');
    expect((await handler(postback('BK-1'))).body).to.equal('result=OK');
    expect((await handler(postback('BK-1'))).body).to.equal('result=OK');
    expect(await isPaid('BK-1')).to.equal(true);
  });

  it('apply a callback that came before its row, on a schedule', async () => {
    expect((await handler(postback('BK-2'))).statusCode).to.equal(200);
    await order('BK-2');
    expect(await reconcile()).to.include({ caughtUp: 1, stopped: false });
    expect(await isPaid('BK-2')).to.equal(true);
  });
});
