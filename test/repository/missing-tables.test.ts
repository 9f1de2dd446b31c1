import { expect } from 'chai';
import { sql } from 'kysely';
import { DragonpayCallback, OnStatus } from '../../src/index.js';
import { KyselyRepository } from '../../src/kysely.js';
import { type CreatedDatabase, describeDatabases } from '../support/databases.js';
import { dispatchSigned, testEndpoint } from '../support/dispatch-signed.js';
import { rejection } from '../support/rejection.js';

@DragonpayCallback()
class Plain {}

@DragonpayCallback()
class Shipping {
  @OnStatus('S') ship() {}
}

const advice = 'run the migrations of dragonpay-callback, as with: npx dragonpay-callback migrate up';

describeDatabases('Tables that are missing', ({ dialect, create }) => {
  let database: CreatedDatabase;
  before(async () => {
    database = await create();
    await sql`alter table dragonpay_payouts rename column refno to old_refno`.execute(database.db);
  });
  after(() => database?.destroy());

  for (const Class of [Plain, Shipping]) {
    it(`are said by the first callback: ${Class.name}`, async () => {
      const errors: unknown[] = [];
      const repository = new KyselyRepository(database.db, { dialect, transactions: 'nowhere' });
      const hooks = { stored: ({ error }: { readonly error?: unknown }) => void errors.push(error) };
      expect((await dispatchSigned(testEndpoint(Class, { repository, hooks }))).status).to.equal(503);
      expect(errors).to.have.lengthOf(1);
      expect(errors[0]).to.include({ code: 'unstored' });
      expect((errors[0] as Error).message)
        .to.match(/nowhere/)
        .and.include(advice);
    });
  }

  it('are said by createPayment, also in a transaction', async () => {
    const repository = new KyselyRepository(database.db, { dialect, transactions: 'nowhere' });
    const payment = { txnid: 'T-1', amount: '1.00' };
    const made = repository.createPayment(payment);
    expect(String(await rejection(made))).to.include(advice);
    const inTransaction = database.db.transaction().execute((trx) => repository.createPayment(payment, { trx }));
    expect(String(await rejection(inTransaction))).to.include(advice);
  });

  it('are told from tables of an older version by the name of the column', async () => {
    const payout = { merchantTxnId: 'P-1', amount: '1.00', refno: 'R1' };
    const made = new KyselyRepository(database.db, { dialect }).createPayout(payout);
    expect(String(await rejection(made)))
      .to.match(/refno/)
      .and.include(advice);
  });

  it('are not blamed for a table of the method itself', async () => {
    @DragonpayCallback()
    class Forgetful {
      @OnStatus('S') async ship({ trx }: { readonly trx: Parameters<typeof failing>[0] }) {
        await failing(trx);
      }
    }
    const failing = (trx: CreatedDatabase['db']) => sql`select * from orders_of_nobody`.execute(trx);
    const messages: string[] = [];
    const repository = new KyselyRepository(database.db, { dialect });
    await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
    const hooks = { handlerFailed: ({ error }: { readonly error: unknown }) => void messages.push(String(error)) };
    expect((await dispatchSigned(testEndpoint(Forgetful, { repository, hooks }))).status).to.equal(500);
    expect(messages.join()).to.include('orders_of_nobody').and.not.include(advice);
  });
});
