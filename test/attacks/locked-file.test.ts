import { expect } from 'chai';
import { sql } from 'kysely';
import { DragonpayCallback, OnStatus } from '../../src/index.js';
import { KyselyRepository } from '../../src/kysely.js';
import { sqliteDialect } from '../../src/sqlite.js';
import { dispatchForged, dispatchSigned, paymentFields, testDragonpay } from '../support/dispatch-signed.js';
import { createSqliteDatabase, type SqliteTestDatabase } from '../support/sqlite.js';

@DragonpayCallback()
class Plain {}

let effects = 0;

@DragonpayCallback()
class Shipping {
  @OnStatus('S') ship() {
    effects++;
  }
}

describe('A SQLite file that another process writes', () => {
  let database: SqliteTestDatabase;
  let count = 0;

  before(async () => {
    database = await createSqliteDatabase();
  });
  after(() => database?.destroy());

  for (const Class of [Plain, Shipping]) {
    it(`keeps no callback waiting, and stores none of them later: ${Class.name}`, async () => {
      const busyMilliseconds = 300;
      const db = database.connect({ busyMilliseconds });
      const repository = new KyselyRepository(db, { dialect: sqliteDialect, busyMilliseconds });
      const endpoint = testDragonpay({ repository, limits: { storeMilliseconds: 3_000 } }).endpoint(Class);
      const txnids = Array.from({ length: 20 }, () => `T-${++count}`);
      for (const txnid of txnids) await repository.createPayment({ txnid, amount: '100.00' });
      const send = () => Promise.all(txnids.map((txnid) => dispatchSigned(endpoint, paymentFields({ txnid }))));
      effects = 0;

      const other = database.connect();
      await other.connection().execute(async (held) => {
        await sql`begin immediate`.execute(held);
        const startedAt = performance.now();
        const sent = send();
        const forgedAt = performance.now();
        expect((await dispatchForged(endpoint)).status).to.equal(400);
        expect(performance.now() - forgedAt, 'the time of a forgery in the meantime').to.be.below(busyMilliseconds);
        for (const { body } of await sent) expect(body).to.equal('error=unstored');
        expect(performance.now() - startedAt, 'before the deadline').to.be.below(2_900);
        await sql`rollback`.execute(held);
      });
      expect(effects).to.equal(0);
      expect(await repository.callbacks({ txnid: txnids.at(-1) as string })).to.deep.equal([]);
      for (const { status } of await send()) expect(status).to.equal(200);
      expect(effects).to.equal(Class === Shipping ? 20 : 0);
    });
  }
});
