import { expect } from 'chai';
import { type Kysely, sql, type Transaction } from 'kysely';
import { graphileQueue } from '../../adapters/queues/graphile-worker.js';
import { DragonpayCallback, type DragonpayError, generateTxnId, type JobQueue, OnStatus } from '../../src/index.js';
import { type DragonpayTables, KyselyRepository } from '../../src/kysely.js';
import { type CreatedDatabase, describeDatabases } from '../support/databases.js';
import { dispatchSigned, paymentFields, testDragonpay } from '../support/dispatch-signed.js';

type Database = DragonpayTables & { outbox: { job: string; payload: string } };

@DragonpayCallback()
class Shop {
  @OnStatus('S', { queue: 'ship' }) ship() {}
}

describeDatabases('A queue', ({ name, dialect, create }) => {
  let database: CreatedDatabase;
  let db: Kysely<Database>;
  let repository: KyselyRepository<Database>;
  const failures: unknown[] = [];

  before(async function () {
    this.timeout(30_000);
    database = await create();
    db = database.db as unknown as Kysely<Database>;
    await sql`create table outbox (job varchar(200) primary key, payload varchar(2000) not null)`.execute(db);
    repository = new KyselyRepository<Database>(db, { dialect });
  });
  after(() => database?.destroy());

  async function deliver(queue: JobQueue<never>) {
    const { txnid } = await repository.createPayment({ txnid: generateTxnId(), amount: '100.00' });
    const handlerFailed = ({ error }: { readonly error: unknown }) => void failures.push(error);
    const dragonpay = testDragonpay({ repository, queue, hooks: { stored() {}, handlerFailed } });
    const { status } = await dispatchSigned(dragonpay.endpoint(Shop), paymentFields({ txnid }));
    return { status, row: await repository.findPayment(txnid) };
  }

  it('of one’s own gets the job in the transaction that stores the status', async () => {
    const jobs: string[] = [];
    const outbox: JobQueue<Transaction<Database>> = {
      async enqueue(trx, { key, payload }) {
        jobs.push(key);
        await trx
          .insertInto('outbox')
          .values({ job: key, payload: JSON.stringify(payload) })
          .execute();
      },
    };
    const { status, row } = await deliver(outbox);
    expect([status, row?.status]).to.deep.equal([200, 'S']);
    expect((await db.selectFrom('outbox').select('job').execute()).map(({ job }) => job)).to.deep.equal(jobs);
  });

  if (name === 'PostgreSQL') return;

  it('that needs PostgreSQL says so, and the status is rolled back', async () => {
    const { status, row } = await deliver(graphileQueue());
    expect([status, row?.status]).to.deep.equal([500, 'P']);
    const error = failures.at(-1) as DragonpayError;
    expect(error).to.include({ code: 'job-not-enqueued' });
    expect((error.cause as Error).message).to.match(/need PostgreSQL: pass a JobQueue of your own/);
  });
});
