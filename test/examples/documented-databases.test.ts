import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Kysely, sql, type Transaction } from 'kysely';
import { generateTxnId } from '../../src/index.js';
import { type DragonpayTables, KyselyRepository } from '../../src/kysely.js';
import { verifySigned } from '../../src/testing/verify-signed.js';
import { runCommand } from '../support/cli.js';
import { createTestDatabase } from '../support/database.js';
import { CodeFolder, codeUnder } from '../support/documented-code.js';
import { createMysqlDatabase, describeOnMariadb } from '../support/mysql-database.js';

describe('docs/choosing-a-database.md', function () {
  this.timeout(30_000);
  const path = 'docs/choosing-a-database.md';
  let folder: CodeFolder;
  let file: string;
  before(async () => {
    folder = await CodeFolder.create();
    file = join(folder.path, 'shop.db');
  });
  afterEach(() => rm(file, { force: true }));
  after(() => folder.remove());

  async function open() {
    const [commands = ''] = await codeUnder(path, 'SQLite', 'sh');
    const [, url = ''] = /DATABASE_URL=(\S+) npx dragonpay-callback migrate up/.exec(commands) ?? [];
    expect((await runCommand(['migrate', 'up'], { DATABASE_URL: url.replace('shop.db', file) })).code).to.equal(0);
    const [code = ''] = await codeUnder(path, 'SQLite', 'ts');
    return (await folder.run('sqlite', code.replace("'shop.db'", JSON.stringify(file)))) as {
      db: Kysely<DragonpayTables>;
      repository: KyselyRepository<DragonpayTables>;
    };
  }

  it('opens a file whose callbacks are stored, and copyToPostgres moves all of it', async () => {
    const { db, repository } = await open();
    const database = await createTestDatabase();
    try {
      const txnid = generateTxnId();
      await repository.createPayment({ txnid, amount: '100.00' });
      await repository.createPayout({ merchantTxnId: txnid, amount: '5.00', refno: 'R2' });
      const tell = async (to: KyselyRepository<DragonpayTables>, fields: Record<string, string>) =>
        (await to.store(await verifySigned({ txnid, refno: 'R1', message: '', ...fields }))).outcome;
      expect(await tell(repository, { status: 'S' })).to.equal('applied');
      expect(await tell(repository, { status: 'S', amount: '1.00' })).to.equal('mismatch');
      await repository.claimPayment(txnid, { lease: 60_000 });

      const [code = ''] = await codeUnder(path, 'Move to another database', 'ts');
      const { copyToPostgres } = (await folder.run('copy', code)) as {
        copyToPostgres: (from: Kysely<DragonpayTables>, to: Kysely<DragonpayTables>) => Promise<void>;
      };
      await copyToPostgres(db, database.db);
      const moved = new KyselyRepository(database.db);
      expect(await moved.findPayment(txnid)).to.deep.equal(await repository.findPayment(txnid));
      expect(await moved.findPayout(txnid)).to.deep.equal(await repository.findPayout(txnid));
      expect(await moved.callbacks()).to.deep.equal(await repository.callbacks());
      expect(await moved.claimPayment(txnid, { lease: 1 }), 'the claim moved, too').to.equal('held');
      expect(await tell(moved, { status: 'S' })).to.equal('duplicate');
    } finally {
      await db.destroy();
      await database.destroy();
    }
  });
});

describeOnMariadb('docs/choosing-a-database.md, MariaDB and MySQL', () => {
  it('opens a pool whose callbacks are stored under READ COMMITTED', async function () {
    this.timeout(30_000);
    const path = 'docs/choosing-a-database.md';
    const [commands = ''] = await codeUnder(path, 'MariaDB and MySQL', 'sh');
    const [, documented = ''] = /DATABASE_URL=(\S+) npx dragonpay-callback migrate up/.exec(commands) ?? [];
    const database = await createMysqlDatabase();
    const folder = await CodeFolder.create();
    try {
      const [code = ''] = await codeUnder(path, 'MariaDB and MySQL', 'ts');
      expect(code).to.include(documented);
      const { db, repository } = (await folder.run('mysql', code.replace(documented, database.url))) as {
        db: Kysely<DragonpayTables>;
        repository: KyselyRepository<DragonpayTables>;
      };
      const txnid = generateTxnId();
      await repository.createPayment({ txnid, amount: '100.00' });
      const callback = await verifySigned({ txnid, refno: 'R1', status: 'S', message: '' });
      const milliseconds = 1_000;
      let isolation: unknown;
      const run = async (_update: unknown, trx: Transaction<DragonpayTables>) => {
        ({
          rows: [isolation],
        } = await sql`select @@tx_isolation as isolation`.execute(trx));
      };
      expect(await repository.store(callback, { milliseconds, run })).to.include({ outcome: 'applied' });
      expect(isolation).to.deep.equal({ isolation: 'READ-COMMITTED' });
      await db.destroy();
    } finally {
      await folder.remove();
      await database.destroy();
    }
  });
});
