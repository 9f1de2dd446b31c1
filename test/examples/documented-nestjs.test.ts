import { join } from 'node:path';
import { expect } from 'chai';
import { sql } from 'kysely';
import { KyselyRepository } from '../../src/kysely.js';
import { encodeCallback, signCallback } from '../../src/testing.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { CodeFolder, codeUnder } from '../support/documented-code.js';
import { freePort } from '../support/free-port.js';
import { answers, type Program, root, runProgram } from '../support/program.js';

/** Runs the programs of docs/nestjs.md as they are written. */
describe('The NestJS app of nestjs.md', function () {
  this.timeout(30_000);
  const page = 'docs/nestjs.md';
  let folder: CodeFolder;
  let database: TestDatabase;
  let program: Program | undefined;
  let tsconfig: string;

  before(async () => {
    folder = await CodeFolder.create();
    database = await createTestDatabase();
    await sql`create table orders (txnid text primary key, paid boolean not null)`.execute(database.db);
    const settings = { extends: join(root, 'tsconfig.json'), compilerOptions: { rootDir: '/' }, include: ['*.ts'] };
    tsconfig = await folder.write('tsconfig.json', JSON.stringify(settings));
  });
  afterEach(() => program?.stop());
  after(async () => {
    await database?.destroy();
    await folder?.remove();
  });

  const code = async (heading: string, index = 0) => (await codeUnder(page, heading, 'ts'))[index] ?? '';

  async function order(txnid: string): Promise<string> {
    await new KyselyRepository(database.db).createPayment({ txnid, amount: '100.00' });
    await sql`insert into orders values (${txnid}, false)`.execute(database.db);
    const fields = { txnid, refno: 'REF1', status: 'S', message: 'Paid' };
    return encodeCallback(signCallback(fields, { sha1: { secretKey: 'a secret' } }));
  }

  /** Starts a program that listens on port 3000, on a free one. */
  async function start(name: string, text: string): Promise<{ url: string; started: Program }> {
    const port = await freePort();
    expect(text).to.include('3000');
    const started = runProgram(await folder.write(name, text.replaceAll('3000', String(port))), {
      TSX_TSCONFIG_PATH: tsconfig,
      DATABASE_URL: database.url,
      DRAGONPAY_MERCHANT_ID: 'ACME',
      DRAGONPAY_ENVIRONMENT: 'test',
      DRAGONPAY_SECRET_KEYS: 'a secret',
    });
    program = started;
    const url = `http://127.0.0.1:${port}`;
    await answers(url, started);
    return { url, started };
  }

  const post = async (url: string, form: string) => {
    const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(form) });
    return `${answer.status} ${await answer.text()}`;
  };

  it('stores a postback with what its handler writes, and ends at SIGTERM', async () => {
    const form = await order('NE-1');
    const { url, started } = await start(
      'one-endpoint.ts',
      `import { Kysely, PostgresDialect } from 'kysely';
       import pg from 'pg';
       type Database = any;
       const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
       const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
       ${await code('One endpoint')}`,
    );
    expect(await post(`${url}/dragonpay/callback`, `${form}0`)).to.equal('400 error=proof-mismatch');
    expect(await post(`${url}/dragonpay/callback`, form)).to.equal('200 result=OK');
    expect(await post(`${url}/dragonpay/callback`, form)).to.equal('200 result=OK');
    await started.printed(/^reserved NE-1$/m);
    await started.stop('SIGTERM');
    expect(started.output().match(/^reserved/gm)).to.have.length(1);
    const { rows } = await sql`select paid from orders where txnid = 'NE-1'`.execute(database.db);
    expect(rows).to.deep.equal([{ paid: true }]);
  });

  it('serves several endpoints', async () => {
    const { url } = await start(
      'several.ts',
      `import { Module } from '@nestjs/common';
       import { NestFactory } from '@nestjs/core';
       import { DragonpayCallback, MemoryRepository, OnPost } from 'dragonpay-callback';
       const sha1 = { secretKeys: ['a secret'] };
       const settings = { merchantId: 'ACME', environment: 'test', verification: { sha1 }, payout: { sha1, sharedSecret: true } };
       @DragonpayCallback() class CheckoutCallback { @OnPost() settle() { return 'settled' } }
       ${(await code('One endpoint', 1)).replace('DragonpayModule.forRoot(', 'const imported = DragonpayModule.forRoot(')}
       class AppModule {}
       Module({ imports: [imported], providers: [CheckoutCallback] })(AppModule);
       await (await NestFactory.create(AppModule)).listen(3000);`,
    );
    const form = await order('NE-2');
    expect(await post(`${url}/dragonpay/postback`, form)).to.equal('200 settled');
    expect(await post(`${url}/dragonpay/payout`, form)).to.equal('400 settled');
    expect(await post(`${url}/dragonpay/callback`, form)).to.match(/^404 /);
  });

  it('takes its options from providers, injects the receiver and closes its database', async () => {
    const form = await order('NE-3');
    await folder.write('app-module.ts', await code('Options from providers'));
    await folder.write('support.ts', await code('The receiver'));
    const { url, started } = await start(
      'from-providers.ts',
      `import { Controller, Get, Inject, Module } from '@nestjs/common';
       import { NestFactory } from '@nestjs/core';
       import { AppModule } from './app-module.js';
       import { Support } from './support.js';
       @Controller()
       class ReplayController {
         constructor(@Inject(Support) readonly support: Support) {}
         @Get('replay') async replay() { return (await this.support.replay('payment:NE-3:REF1:S')).outcome; }
       }
       class RootModule {
         onApplicationShutdown() { console.log('ended'); }
       }
       Module({ imports: [AppModule], providers: [Support], controllers: [ReplayController] })(RootModule);
       const app = await NestFactory.create(RootModule);
       app.enableShutdownHooks();
       await app.listen(3000);`,
    );
    expect(await post(`${url}/dragonpay/callback`, form)).to.equal('200 result=OK');
    await started.printed(/^paid$/m);
    expect(await (await fetch(`${url}/replay`)).text()).to.equal('duplicate');
    await started.stop('SIGTERM');
    expect(started.output()).to.match(/^ended$/m);
  });
});
