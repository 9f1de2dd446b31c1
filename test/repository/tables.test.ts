import { expect } from 'chai';
import type { Kysely } from 'kysely';
import { type DragonpayTables, KyselyRepository, type RepositoryDialect } from '../../src/kysely.js';
import { type MysqlDragonpayTables, mysqlDialect } from '../../src/mysql.js';
import { postgres } from '../../src/repository/kysely/postgres/postgres.js';
import { type SqliteDragonpayTables, sqliteDialect } from '../../src/sqlite.js';
import { verifySigned } from '../../src/testing/verify-signed.js';
import { createTestDatabase } from '../support/database.js';
import { createMysqlDatabase, describeOnMariadb } from '../support/mysql-database.js';
import { createSqliteDatabase } from '../support/sqlite.js';

/** Stores a payment and an event for review. Resolves to the values that a merchant's own query reads. */
async function readStored<Time, List>(db: Kysely<DragonpayTables<Time, List>>, dialect: RepositoryDialect) {
  const repository = new KyselyRepository(db, { dialect });
  await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
  await repository.store(await verifySigned({ txnid: 'T-1', refno: 'R-1', status: 'S', message: '', amount: '9.00' }));
  const { created_at, amount } = await db
    .selectFrom('dragonpay_transactions')
    .select(['created_at', 'amount'])
    .executeTakeFirstOrThrow();
  const { first_seen, reasons } = await db
    .selectFrom('dragonpay_callbacks')
    .select(['first_seen', 'reasons'])
    .executeTakeFirstOrThrow();
  expect(amount).to.equal('100.00');
  return { times: [created_at, first_seen], reasons };
}

const isNow = (milliseconds: number) => Math.abs(milliseconds - Date.now()) < 60_000;

describe('DragonpayTables', () => {
  it('has the types that node-postgres reads', async function () {
    this.timeout(30_000);
    const database = await createTestDatabase();
    const db: Kysely<DragonpayTables> = database.db;
    const { times, reasons }: { times: Date[]; reasons: string[] } = await readStored(db, postgres);
    expect(times.map((time) => time instanceof Date && isNow(time.getTime()))).to.deep.equal([true, true]);
    expect(reasons).to.deep.equal(['amount']);
    await database.destroy();
  });
});

describeOnMariadb('MysqlDragonpayTables', () => {
  it('has the types that mysql2 reads', async function () {
    this.timeout(30_000);
    const database = await createMysqlDatabase();
    const db = database.db as unknown as Kysely<MysqlDragonpayTables>;
    const { times, reasons }: { times: Date[]; reasons: string } = await readStored(db, mysqlDialect);
    expect(times.map((time) => time instanceof Date)).to.deep.equal([true, true]);
    expect(reasons).to.equal('amount');
    await database.destroy();
  });
});

describe('SqliteDragonpayTables', () => {
  it('has the types that a file holds: microseconds, and JSON', async () => {
    const database = await createSqliteDatabase();
    const db = database.db as unknown as Kysely<SqliteDragonpayTables>;
    const { times, reasons }: { times: number[]; reasons: string } = await readStored(db, sqliteDialect);
    expect(times.map((time) => typeof time === 'number' && isNow(time / 1000))).to.deep.equal([true, true]);
    expect(reasons).to.equal('["amount"]');
    await database.destroy();
  });
});
