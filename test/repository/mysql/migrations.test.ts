import { expect } from 'chai';
import { type CompiledQuery, Kysely, Migrator, MysqlDialect } from 'kysely';
import { createMigrations, KyselyRepository, type TableNames } from '../../../src/kysely.js';
import { mysqlDialect } from '../../../src/mysql.js';
import { schema } from '../../../src/repository/kysely/schema.js';
import { hashMigrations } from '../../support/migration-hashes.js';
import {
  createMysqlDatabase,
  describeOnMariadb,
  type MysqlTestDatabase,
  mysqlPool,
} from '../../support/mysql-database.js';

const dialect = mysqlDialect;

const unreachable = new Kysely<unknown>({
  dialect: new MysqlDialect({ pool: mysqlPool('mysql://nobody@127.0.0.1:1') }),
});

/** Never change a hash of a released migration: databases that ran it would differ from new ones. Add a migration. */
const frozen: Readonly<Record<string, readonly [up: string, down: string]>> = {
  '0001_payments': [
    '2f5d4a641799256537a78551203608d1386258a09c5a662433697f06b936eb0c',
    'cdb3287448464246c2185e557d2732412bd12dcb18a0d6ba332ba8fffb90ac57',
  ],
  '0002_payouts': [
    'c09b708f49c2fdb55a88a20360d56d96fa1448e5c35803093f817828da41d222',
    'f2c66a9e94b5910e4799a292c318726cbea06bf544b806ef3d58224301c14a8b',
  ],
  '0003_callbacks': [
    '1d4c524dca2cdf14153e2d17cee670ba7839626c84fe937e0232475d0c8667e4',
    'f27c85352cb45e718386bd3bd1e470c5ee5b1276934c92c0133818b61262901c',
  ],
  '0004_forms': [
    '02cec3313f9f5630bc32a78e42e4377cf16ac10cb8f5a1571820867b13ef34bd',
    'de470f2c86d342d34c66e093020411d2926b0c039880046a0ebc04018f647d9a',
  ],
};

describe('createMigrations for MariaDB', () => {
  it('prints each migration as it was frozen, byte for byte', async () => {
    expect(await hashMigrations({ dialect })).to.deep.equal(frozen);
  });

  it('refuses names that mysql2 would fill with a value', () => {
    for (const option of ['schema', 'transactions', 'payouts', 'callbacks']) {
      const names = { [option]: 'really?' };
      for (const run of [
        () => createMigrations({ ...names, dialect }),
        () => new KyselyRepository(unreachable, { ...names, dialect }),
      ]) {
        expect(run).to.throw(`${option} must not contain ?`);
      }
    }
  });

  it('runs one statement with each migration: the server cannot undo half of one', async () => {
    for (const { up } of Object.values(dialect.migrations({}))) {
      expect(up).to.have.lengthOf(1);
    }
  });
});

describeOnMariadb('createMigrations on MariaDB', () => {
  let database: MysqlTestDatabase;

  before(async function () {
    this.timeout(30_000);
    database = await createMysqlDatabase();
  });
  after(() => database?.destroy());

  const migratorOf = (names: TableNames) => {
    const migrations = createMigrations({ ...names, dialect });
    return new Migrator({ db: database.db, provider: migrations, ...migrations });
  };

  /** The server's description of tables, without their names. */
  async function tablesLike(pattern: string): Promise<string[]> {
    const found = await database.query(
      'select table_name as name from information_schema.tables where table_schema = database() and table_name like ? and table_name not like "%migrations%" order by 1',
      [pattern],
    );
    const texts: string[] = [];
    for (const { name } of found) {
      const [row] = await database.query(`show create table \`${name}\``);
      texts.push(String(row?.['Create Table']).replaceAll(/`[a-z]+_(?=transactions|payouts|callbacks)/g, '`'));
    }
    return texts;
  }

  it('go up, down and up again', async () => {
    const names = { transactions: 'up_transactions', payouts: 'up_payouts', callbacks: 'up_callbacks' };
    const migrator = migratorOf(names);
    expect((await migrator.migrateToLatest()).error).to.equal(undefined);
    const made = await tablesLike('up\\_%');
    expect(made).to.have.lengthOf(3);
    expect(made).to.deep.equal(await tablesLike('dragonpay\\_%'));
    for (const _ of Object.keys(dialect.migrations(names)))
      expect((await migrator.migrateDown()).error).to.equal(undefined);
    expect(await tablesLike('up\\_%')).to.deep.equal([]);
    expect((await migrator.migrateToLatest()).error).to.equal(undefined);
    expect(await tablesLike('up\\_%')).to.deep.equal(made);
  });

  it('print SQL that makes the same tables', async () => {
    const names = { transactions: 'sql_transactions', payouts: 'sql_payouts', callbacks: 'sql_callbacks' };
    const printed = createMigrations({ ...names, dialect }).toSQL();
    for (const statement of printed.split(/;\n\n?/).filter((text) => text !== '')) await database.query(statement);
    const made = await tablesLike('sql\\_%');
    expect(made).to.have.lengthOf(3);
    expect(made).to.deep.equal(await tablesLike('dragonpay\\_%'));
    const repository = new KyselyRepository(database.db, { ...names, dialect });
    await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
    expect(await repository.findPayment('T-1')).to.include({ amount: '100.00' });
  });

  it('make tables of Unicode texts that are compared byte by byte', async () => {
    const rows = await database.query(
      `select distinct collation_name as collation from information_schema.columns
       where table_schema = database() and table_name in ('dragonpay_transactions', 'dragonpay_payouts', 'dragonpay_callbacks')
         and collation_name is not null`,
    );
    expect(rows).to.deep.equal([{ collation: 'utf8mb4_nopad_bin' }]);
    const repository = new KyselyRepository(database.db, { dialect });
    const description = '₱ 100 👍🏽 naïve \\ \' "';
    await repository.createPayment({ txnid: 'Unicode', amount: '1.00', description });
    expect(await repository.findPayment('Unicode')).to.include({ description });
    for (const other of ['unicode', 'Unicode ', ' Unicode', 'Unicodé']) {
      expect(await repository.findPayment(other), other).to.equal(undefined);
    }
  });

  describe('make tables that refuse', () => {
    const payment = { txnid: 'T-1', amount: '100.00' };
    const payout = { merchant_txn_id: 'T-1', amount: '100.00' };
    const event = {
      ...{ kind: 'payment', id: 'T-1', refno: 'R-1', status: 'S', outcome: 'applied' },
      ...{ proof: 'rsa', key_id: 'k', method: 'POST', raw: '' },
    };
    const [notNull, tooLong, outOfRange, noNumber, check, twice] = [1048, 1406, 1264, 1366, 4025, 1062];
    const refused: ReadonlyArray<readonly [errno: number, table: string, row: Readonly<Record<string, unknown>>]> = [
      [notNull, 'transactions', { ...payment, txnid: null }],
      [notNull, 'transactions', { ...payment, amount: null }],
      [notNull, 'transactions', { ...payment, status: null }],
      [tooLong, 'transactions', { ...payment, txnid: 'x'.repeat(41) }],
      [tooLong, 'transactions', { ...payment, refno: 'x'.repeat(33) }],
      [tooLong, 'transactions', { ...payment, status: 'SS' }],
      [outOfRange, 'transactions', { ...payment, amount: '10000000000' }],
      [noNumber, 'transactions', { ...payment, amount: 'much' }],
      [check, 'transactions', { ...payment, amount: '-0.01' }],
      [check, 'transactions', { ...payment, status: 'D' }],
      [check, 'transactions', { ...payment, status: 's' }],
      [check, 'transactions', { ...payment, reached: 'SD' }],
      [check, 'transactions', { ...payment, currency: 'php' }],
      [check, 'transactions', { ...payment, currency: 'PH' }],
      [check, 'payouts', { ...payout, status: 'R' }],
      [check, 'payouts', { ...payout, reached: 'K' }],
      [check, 'payouts', { ...payout, amount: '-1' }],
      [check, 'callbacks', { ...event, kind: 'refund' }],
      [check, 'callbacks', { ...event, outcome: 'skipped' }],
      [check, 'callbacks', { ...event, proof: 'md5' }],
      [check, 'callbacks', { ...event, method: 'PUT' }],
      [check, 'callbacks', { ...event, deliveries: 0 }],
      [notNull, 'callbacks', { ...event, raw: null }],
    ];

    async function insert(table: string, row: Readonly<Record<string, unknown>>): Promise<unknown> {
      const columns = Object.keys(row).join(', ');
      return database
        .query(`insert into dragonpay_${table} (${columns}) values (?)`, [Object.values(row)])
        .catch((error: { errno: number }) => error.errno);
    }

    for (const [errno, table, row] of refused) {
      const good: object = table === 'transactions' ? payment : table === 'payouts' ? payout : event;
      const [column, value] = Object.entries(row).find(([name, value]) => Reflect.get(good, name) !== value) ?? [];
      it(`${table}: ${column} ${String(value).slice(0, 20)} (${errno})`, async () => {
        expect(await insert(table, row)).to.equal(errno);
      });
    }

    it('an id twice, and nothing that is right', async () => {
      for (const [table, row] of [
        ['transactions', payment],
        ['payouts', payout],
        ['callbacks', event],
      ] as const) {
        expect(await insert(table, row)).to.not.be.a('number');
        expect(await insert(table, row), table).to.equal(twice);
      }
      for (const row of [
        { status: 's', outcome: 'unrecognized' },
        { kind: 'payout' },
        { refno: 'R-2', reasons: 'refno' },
      ]) {
        expect(await insert('callbacks', { ...event, ...row })).to.not.be.a('number');
      }
    });
  });

  describe('make indexes that serve', () => {
    before(async () => {
      await database.query(
        `insert into dragonpay_callbacks (kind, id, refno, status, outcome, reasons, proof, key_id, raw)
         select 'payment', concat('N-', seq), 'R', 'S', if(seq % 100, 'applied', 'not-found'), if(seq % 100, '', 'not-found'),
           'rsa', 'k', '' from seq_1_to_2000`,
      );
      await database.query(
        `insert into dragonpay_transactions (txnid, amount, status)
         select concat('N-', seq), 1, if(seq % 100, 'S', 'P') from seq_1_to_2000`,
      );
      await database.query('analyze table dragonpay_callbacks, dragonpay_transactions');
    });

    /** The indexes that the statements of a call use. */
    async function indexesOf(run: (repository: KyselyRepository) => Promise<unknown>): Promise<string[]> {
      const sent: CompiledQuery[] = [];
      const pool = mysqlPool(database.url);
      const db = new Kysely({ dialect: new MysqlDialect({ pool }), log: ({ query }) => void sent.push(query) });
      await run(new KyselyRepository(db, { dialect }));
      await db.destroy();
      const keys: string[] = [];
      for (const { sql, parameters } of sent.filter((query) => /dragonpay-(?:claim|inbox)/.test(query.sql))) {
        const rows = await database.query(`explain ${sql}`, parameters);
        keys.push(rows.map(({ key }) => key).join(' '));
      }
      return keys;
    }

    it('the oldest open payment and early event, of which one row is read', async () => {
      expect(await indexesOf((one) => one.claimOpenPayment({ olderThan: 0, lease: 1 }))).to.deep.equal([
        'dragonpay_transactions_open',
      ]);
      const [early = ''] = await indexesOf((one) => one.claimEarlyEvent({ lease: 1, kinds: ['payment'] }));
      expect(early).to.match(/^dragonpay_callbacks_early /);
    });

    it('the pages of the inbox, also of the events to review', async () => {
      const first = await new KyselyRepository(database.db, { dialect }).callbacks({ limit: 100 });
      const after = first.at(-1)?.cursor ?? '';
      expect(await indexesOf((one) => one.callbacks({ limit: 10 }))).to.deep.equal(['dragonpay_callbacks_first_seen']);
      expect(await indexesOf((one) => one.callbacks({ limit: 10, after }))).to.deep.equal([
        'dragonpay_callbacks_first_seen',
      ]);
      expect(await indexesOf((one) => one.callbacks({ limit: 10, reason: 'not-found' }))).to.deep.equal([
        'dragonpay_callbacks_review',
      ]);
      expect(await indexesOf((one) => one.callbacks({ txnid: 'N-1' }))).to.deep.equal(['PRIMARY']);
    });
  });

  it('make every column and index that the schema names', async () => {
    for (const [key, { columns, indexes }] of Object.entries(schema)) {
      const [row] = await database.query(`show create table dragonpay_${key}`);
      const text = String(row?.['Create Table']);
      for (const column of Object.keys(columns)) expect(text).to.include(`\`${column}\``);
      for (const index of indexes) expect(text).to.include(`KEY \`dragonpay_${key}${index}\``);
    }
  });
});
