import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { sql } from 'kysely';
import { KyselyRepository } from '../../src/kysely.js';
import { type CreatedDatabase, describeDatabases } from '../support/databases.js';
import { sendForm } from '../support/send-form.js';
import { nextMessage, signedForm, start } from './attacked.js';

/** Each form of a missing `await`, with the reply, and what the hooks are told. */
const forms: Readonly<Record<string, readonly [title: string, status: number, told: RegExp]>> = {
  THROWS: ['throws while a helper writes on', 500, /handlerFailed: Error: no stock/],
  THROWSATONCE: ['throws at once after forEach with an async function', 500, /handlerFailed: Error: no stock/],
  LATE: ['passes its deadline while a helper writes on', 503, /handlerFailed: \S+ Forgetful.reach took longer/],
  FAILS: ['leaves a query that fails', 500, /nothing handled its rejection: an await is missing.*no_such_table/],
  FAILSINHELPERS: ['leaves helpers whose queries fail', 500, /nothing handled its rejection: an await is missing/],
  FAILSWRAPPED: ['leaves a helper that wraps the error of its query', 500, /an await is missing.*no_such_table/],
  FAILSANDTHROWS: ['leaves a query that fails, and throws', 500, /handlerFailed: Error: no stock/],
  FAILSANDGOESON: ['leaves a query that fails, and sends another one', 500, /handlerFailed: /],
};

describeDatabases('A process without a listener for rejections', ({ dialect, create }) => {
  let database: CreatedDatabase;
  let repository: KyselyRepository<never>;
  let child: ChildProcess;
  let port: number;
  let count = 0;

  before(async () => {
    database = await create();
    repository = new KyselyRepository(database.db as never, { dialect });
    await sql`create table effects (txnid varchar(40), what varchar(40))`.execute(database.db);
    child = start('forgetful-server.ts', { ATTACKED_DATABASE: database.url }, 'pipe');
    ({ port } = await nextMessage<{ port: number }>(child));
  });
  after(() => {
    if (child?.connected) child.disconnect();
    return database?.destroy();
  });

  async function deliver(form: string) {
    const txnid = `${form}-${++count}`;
    await repository.createPayment({ txnid, amount: '100.00' });
    const { status } = await sendForm(port, signedForm(txnid));
    return { status, txnid };
  }
  async function told(): Promise<string> {
    child.send('');
    return (await nextMessage<{ told: string[] }>(child)).told.join('\n');
  }

  it('lives on whatever a method of @OnStatus forgot to await, and is told', async () => {
    const delivered = await Promise.all(Object.keys(forms).map(deliver));
    let lines = '';
    const warned = () => lines.match(/^warning: a query of callback\.trx .*an await is missing/gm)?.length ?? 0;
    for (const startedAt = performance.now(); warned() < delivered.length && performance.now() - startedAt < 5_000; ) {
      await sleep(20);
      lines += `\n${await told()}`;
    }
    expect(child.exitCode).to.equal(null);
    expect(warned(), lines).to.equal(delivered.length);
    for (const [index, [title, expected, toldOf]] of Object.values(forms).entries()) {
      const { status, txnid } = delivered[index] as { status: number; txnid: string };
      expect([status, (await repository.findPayment(txnid))?.status], title).to.deep.equal([expected, 'P']);
      expect(lines, title).to.match(toldOf);
    }
    expect((await sql`select what from effects`.execute(database.db)).rows).to.deep.equal([]);
  });

  it('lets the siblings of Promise.all reach their finally', async () => {
    const finished = nextMessage<{ finished: string }>(child);
    const { status, txnid } = await deliver('SIBLINGS');
    expect([status, await finished]).to.deep.equal([500, { finished: txnid }]);
    await sleep(50);
    expect(await told()).to.not.match(/warning/);
  });

  it('lives on when a method of @OnDispatch calls next() after it has returned, and is told', async () => {
    const txnid = 'NEXT-1';
    await repository.createPayment({ txnid, amount: '100.00' });
    const { status } = await sendForm(port, signedForm(txnid), { path: '/?next-comes-late' });
    await sleep(50);
    expect([status, (await repository.findPayment(txnid))?.status]).to.deep.equal([202, 'P']);
    expect(await told()).to.match(/warning: next\(\) was called after Forgetful.around had returned/);
  });

  it('ends as before for a rejection that has nothing to do with callback.trx', async () => {
    const printed = text(child.stderr as never);
    const exit = once(child, 'exit');
    const sent = deliver('UNRELATED').catch(() => {});
    expect(await exit).to.deep.equal([1, null]);
    await sent;
    expect(await printed).to.match(/\n.*TypeError: unrelated\n +at .*forgetful-server[\s\S]*\n\nNode\.js v/);
  });
});
