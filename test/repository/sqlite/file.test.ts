import { rename, rm } from 'node:fs/promises';
import { expect } from 'chai';
import { type Kysely, sql } from 'kysely';
import { generateTxnId } from '../../../src/index.js';
import { type DragonpayTables, KyselyRepository } from '../../../src/kysely.js';
import { sqliteDialect } from '../../../src/sqlite.js';
import { verifySigned } from '../../../src/testing/verify-signed.js';
import { createSqliteDatabase, openFile, type SqliteTestDatabase } from '../../support/sqlite.js';

describe('A SQLite file', () => {
  let database: SqliteTestDatabase;
  let repository: KyselyRepository<DragonpayTables>;
  beforeEach(async () => {
    database = await createSqliteDatabase();
    repository = repositoryOn(database.db);
  });
  afterEach(() => database?.destroy());

  const repositoryOn = (db: Kysely<DragonpayTables>) => new KyselyRepository(db, { dialect: sqliteDialect });

  async function payment(): Promise<string> {
    return (await repository.createPayment({ txnid: generateTxnId(), amount: '100.00' })).txnid;
  }

  /** Stores a callback. Resolves to its outcome, or to the message of the error. */
  async function store(txnid: string, on = repository): Promise<string> {
    const callback = await verifySigned({ txnid, refno: 'R-1', status: 'S', message: '' });
    return on.store(callback).then(
      ({ outcome }) => outcome,
      ({ message }: Error) => message,
    );
  }

  const isGone = 'the file of the database was deleted, moved or replaced while it was open';

  it('that was deleted while it was open takes no callback', async () => {
    const txnid = await payment();
    await rm(database.file);
    expect(await store(txnid)).to.equal(isGone);
    expect(await store(txnid), 'the driver has made an empty one').to.include('no such table');
  });

  it('that was replaced by its backup goes on with the backup', async () => {
    const txnid = await payment();
    await sql`vacuum into ${sql.lit(`${database.file}.copy`)}`.execute(database.db);
    expect(await store(txnid)).to.equal('applied');
    for (const beside of ['-wal', '-shm']) await rm(database.file + beside);
    await rename(`${database.file}.copy`, database.file);
    expect(await store(txnid)).to.equal(isGone);
    expect(await store(txnid)).to.equal('applied');
    expect(await repository.findPayment(txnid)).to.include({ status: 'S' });
  });

  it('can be vacuumed and copied while callbacks arrive, by this process and by another', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, payment));
    const other = database.connect();
    const outcomes: Promise<string>[] = [];
    for (const [index, txnid] of ids.entries()) {
      outcomes.push(store(txnid, index % 2 === 0 ? repository : repositoryOn(other)));
      if (index % 5 === 0) await sql`vacuum`.execute(index % 2 === 0 ? database.db : other);
    }
    await sql`vacuum into ${sql.lit(`${database.file}.copy`)}`.execute(database.db);
    expect(new Set(await Promise.all(outcomes))).to.deep.equal(new Set(['applied']));
    const copy = openFile(`${database.file}.copy`);
    expect(copy.prepare('select count(*) as n from dragonpay_transactions').all()).to.deep.equal([{ n: 20 }]);
    copy.close();
  });

  it('that is full takes no callback, and takes them again when there is space', async () => {
    let pages = 0;
    const open = () => {
      const handle = openFile(database.file);
      if (pages > 0) handle.prepare(`pragma max_page_count = ${pages}`).all();
      return handle;
    };
    const ids = await Promise.all(Array.from({ length: 40 }, payment));
    const [{ page_count: used }] = openFile(database.file).prepare('pragma page_count').all();
    pages = used;
    const full = repositoryOn(database.connect({ open }));
    const answers: string[] = [];
    for (const txnid of ids) answers.push(await store(txnid, full));
    expect(answers.at(-1)).to.equal('database or disk is full');
    const applied = answers.filter((answer) => answer === 'applied').length;
    const stored = await sql`select count(*) as n from dragonpay_callbacks`.execute(database.db);
    expect(stored.rows, 'what was answered applied is there, and nothing else').to.deep.equal([{ n: applied }]);
    pages = 0;
    for (const txnid of ids) expect(await store(txnid)).to.be.oneOf(['applied', 'duplicate']);
  });
});
