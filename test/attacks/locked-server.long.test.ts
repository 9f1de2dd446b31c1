import { expect } from 'chai';
import { DragonpayCallback, OnStatus } from '../../src/index.js';
import { KyselyRepository } from '../../src/kysely.js';
import { mysqlDialect } from '../../src/mysql.js';
import { dispatchSigned, paymentFields, testDragonpay } from '../support/dispatch-signed.js';
import { createMysqlDatabase, describeOnMariadb, type MysqlTestDatabase } from '../support/mysql-database.js';

@DragonpayCallback()
class Plain {}

@DragonpayCallback()
class Shipping {
  @OnStatus('S') ship() {}
}

/** What another session does before it pauses. The last one stops all writes of the server, also those of other tests. */
const locks: Readonly<Record<string, string>> = {
  'of the rows': 'lock tables dragonpay_transactions write',
  'of the inbox': 'lock tables dragonpay_callbacks write',
  'against writes': 'lock tables dragonpay_transactions read, dragonpay_callbacks read',
  'of a backup': 'flush tables with read lock',
};

describeOnMariadb('A lock that another session of MariaDB holds', () => {
  let database: MysqlTestDatabase;
  let count = 0;

  before(async () => {
    database = await createMysqlDatabase();
  });
  after(() => database?.destroy());

  for (const [what, lock] of Object.entries(locks)) {
    for (const Class of [Plain, Shipping]) {
      it(`${what} keeps no statement of a callback waiting: ${Class.name}`, async () => {
        const repository = new KyselyRepository(database.db, { dialect: mysqlDialect, busyMilliseconds: 200 });
        const limits = { storeMilliseconds: 1_500, handlerMilliseconds: 500 };
        const hooks = { stored() {}, handlerFailed() {} };
        const endpoint = testDragonpay({ repository, limits, hooks }).endpoint(Class);
        const txnids = Array.from({ length: 5 }, () => `T-${++count}`);
        for (const txnid of txnids) await repository.createPayment({ txnid, amount: '100.00' });
        const send = () => Promise.all(txnids.map((txnid) => dispatchSigned(endpoint, paymentFields({ txnid }))));

        const other = await database.pool.promise().getConnection();
        try {
          await other.query(lock);
          const startedAt = performance.now();
          for (const { body } of await send()) expect(body).to.equal('error=unstored');
          expect(performance.now() - startedAt, 'before the deadline').to.be.below(1_400);
          const left = "select count(*) as count from information_schema.processlist where info like '/* dragonpay-%'";
          expect(await database.query(left)).to.deep.equal([{ count: 0 }]);
        } finally {
          await other.query('unlock tables');
          other.release();
        }
        for (const { status } of await send()) expect(status).to.equal(200);
      });
    }
  }
});
