import { expect } from 'chai';
import { sql } from 'kysely';
import { DragonpayCallback, type DragonpayError, OnStatus } from '../../../src/index.js';
import { type DragonpayTables, KyselyRepository } from '../../../src/kysely.js';
import { sqliteDialect } from '../../../src/sqlite.js';
import { verifySigned } from '../../../src/testing/verify-signed.js';
import { dispatchSigned, paymentFields, testDragonpay } from '../../support/dispatch-signed.js';
import { rejection } from '../../support/rejection.js';
import { createSqliteDatabase, type SqliteTestDatabase } from '../../support/sqlite.js';

let effects = 0;

@DragonpayCallback()
class Plain {}

@DragonpayCallback()
class Shipping {
  @OnStatus('S') ship() {
    effects++;
  }
}

/** The triggers that keep the payment KEPT from changing. */
const triggers: Readonly<Record<string, string>> = {
  'keeps as it is': 'create trigger keep before update on dragonpay_transactions',
  'changes back': 'create trigger keep after update of status on dragonpay_transactions',
};

for (const [what, trigger] of Object.entries(triggers))
  describe(`A row of SQLite that a trigger ${what}`, () => {
    let database: SqliteTestDatabase;
    let repository: KyselyRepository<DragonpayTables>;
    const errors: DragonpayError[] = [];
    const hooks = {
      stored: ({ error }: { error?: unknown }) => {
        if (error !== undefined) errors.push(error as DragonpayError);
      },
      handlerFailed() {},
    };

    before(async () => {
      database = await createSqliteDatabase();
      repository = new KyselyRepository(database.db, { dialect: sqliteDialect });
      for (const txnid of ['KEPT', 'FREE-1', 'FREE-2']) await repository.createPayment({ txnid, amount: '100.00' });
      const body = trigger.includes('before')
        ? 'select raise(ignore)'
        : 'update dragonpay_transactions set status = old.status, reached = old.reached where txnid = old.txnid';
      await sql.raw(`${trigger} when new.txnid = 'KEPT' begin ${body}; end`).execute(database.db);
    });
    after(() => database?.destroy());

    for (const Class of [Plain, Shipping]) {
      it(`is answered 503 at once, without an effect or an event: ${Class.name}`, async () => {
        errors.length = 0;
        effects = 0;
        const endpoint = testDragonpay({ repository, hooks }).endpoint(Class);
        const startedAt = performance.now();
        expect((await dispatchSigned(endpoint, paymentFields({ txnid: 'KEPT' }))).body).to.equal('error=unstored');
        expect(performance.now() - startedAt).to.be.below(2_000);
        expect(errors.map(({ code }) => code)).to.deep.equal(['row-protected']);
        expect(effects).to.equal(0);
        expect(await repository.callbacks({ txnid: 'KEPT' })).to.deep.equal([]);
      });
    }

    it('does not keep others that share its transaction', async () => {
      const endpoint = testDragonpay({ repository, hooks }).endpoint(Plain);
      const replies = await Promise.all(
        ['FREE-1', 'KEPT', 'FREE-2'].map((txnid) => dispatchSigned(endpoint, paymentFields({ txnid }))),
      );
      expect(replies.map(({ status }) => status)).to.deep.equal([200, 503, 200]);
      expect(await repository.findPayment('FREE-2')).to.include({ status: 'S' });
    });

    it('is not corrected, and correct() says so', async () => {
      const dragonpay = testDragonpay({ repository, hooks });
      dragonpay.endpoint(Plain);
      const corrected = dragonpay.correct('KEPT', { status: 'S' }, { reason: 'seen by hand', by: 'Ana' });
      expect(await rejection(corrected)).to.include({ code: 'row-protected' });
      expect(await repository.callbacks({ txnid: 'KEPT' })).to.deep.equal([]);
    });
  });

describe('A trigger of SQLite that ignores what is inserted', () => {
  let database: SqliteTestDatabase;
  let repository: KyselyRepository<DragonpayTables>;

  before(async () => {
    database = await createSqliteDatabase();
    repository = new KyselyRepository(database.db, { dialect: sqliteDialect });
    for (const txnid of ['KEPT', 'FREE-1', 'FREE-2']) await repository.createPayment({ txnid, amount: '100.00' });
    for (const [table, key] of Object.entries({ dragonpay_callbacks: 'id', dragonpay_transactions: 'txnid' })) {
      await sql
        .raw(
          `create trigger skip_${key} before insert on ${table} when new.${key} like 'KEPT%'
           begin select raise(ignore); end`,
        )
        .execute(database.db);
    }
  });
  beforeEach(() => {
    effects = 0;
  });
  after(() => database?.destroy());

  for (const Class of [Plain, Shipping]) {
    it(`is answered 503 in the inbox, and nothing moves: ${Class.name}`, async () => {
      const errors: DragonpayError[] = [];
      const stored = ({ error }: { error?: unknown }) => {
        if (error !== undefined) errors.push(error as DragonpayError);
      };
      const endpoint = testDragonpay({ repository, hooks: { stored } }).endpoint(Class);
      const txnids = ['FREE-1', 'KEPT', 'KEPT-EARLY', 'FREE-2'];
      const replies = await Promise.all(txnids.map((txnid) => dispatchSigned(endpoint, paymentFields({ txnid }))));
      expect(replies.map(({ status }) => status)).to.deep.equal([200, 503, 503, 200]);
      for (const { code, message } of errors) {
        expect(code).to.equal('row-protected');
        expect(message).to.match(/^the event was not recorded/);
      }
      expect(errors).to.have.lengthOf(2);
      expect(await repository.findPayment('KEPT')).to.include({ status: 'P' });
    });
  }

  it('is named by a correction, a failure, and createPayment', async () => {
    const dragonpay = testDragonpay({ repository });
    dragonpay.endpoint(Plain);
    const refused = [
      dragonpay.correct('KEPT', { status: 'S' }, { reason: 'seen by hand', by: 'Ana' }),
      repository.recordFailure(await verifySigned({ txnid: 'KEPT', refno: 'R-1', status: 'S', message: '' })),
      repository.createPayment({ txnid: 'KEPT-2', amount: '100.00' }),
    ];
    for (const promise of refused) expect(await rejection(promise)).to.include({ code: 'row-protected' });
    expect(await repository.findPayment('KEPT')).to.include({ status: 'P' });
    expect(await rejection(repository.createPayment({ txnid: 'KEPT', amount: '1.00' }))).to.include({
      code: 'already-exists',
    });
  });
});
