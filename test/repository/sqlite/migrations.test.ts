import { expect } from 'chai';
import { type Kysely, sql } from 'kysely';
import { createMigrations, KyselyRepository } from '../../../src/kysely.js';
import { sqliteDialect } from '../../../src/sqlite.js';
import { hashMigrations } from '../../support/migration-hashes.js';
import { createSqliteDatabase, type SqliteTestDatabase } from '../../support/sqlite.js';

/** Never change a hash of a released migration: files that ran it would differ from new ones. Add a migration. */
const frozen: Readonly<Record<string, readonly [up: string, down: string]>> = {
  '0001_tables': [
    '6a10d112b2f4daeecd719fc3696694987975a1908eadd4b66746dd188f724f7c',
    '6de46863b10237af2751009c166e0b3857fb097589f970f2d7632a92ed51ded4',
  ],
  '0002_forms': [
    '2184c865ca1bf7f659f853635439cd262f5a725a6bcc44f19c423ccd18e7054f',
    '0fe6776996c598e52de1aeb77bf144a0c0b2da7cf52ab1ddecc3156ee7b88dc6',
  ],
};

describe('createMigrations for SQLite', () => {
  let database: SqliteTestDatabase;
  before(async () => {
    database = await createSqliteDatabase();
  });
  after(() => database.destroy());

  it('prints each migration as it was frozen, byte for byte', async () => {
    expect(await hashMigrations({ dialect: sqliteDialect })).to.deep.equal(frozen);
  });

  it('refuses a schema, as the repository does', () => {
    const options = { dialect: sqliteDialect, schema: 'pay' };
    expect(() => createMigrations(options)).to.throw('schema must be left out');
    expect(() => new KyselyRepository(database.db, options)).to.throw('schema must be left out');
  });

  it('gives times of the clock to rows that are inserted by hand', async () => {
    await sql`insert into dragonpay_transactions (txnid, amount) values ('by-hand', '1.00')`.execute(database.db);
    const row = await new KyselyRepository(database.db, { dialect: sqliteDialect }).findPayment('by-hand');
    expect(Math.abs((row?.createdAt.getTime() ?? 0) - Date.now())).to.be.below(10_000);
  });

  describe('makes tables that refuse', () => {
    const payment = { txnid: 'T-1', amount: '100.00' };
    const payout = { merchant_txn_id: 'T-1', amount: '100.00' };
    const event = {
      ...{ kind: 'payment', id: 'T-1', refno: 'R-1', status: 'S', outcome: 'applied' },
      ...{ proof: 'rsa', key_id: 'k', method: 'POST', raw: '' },
    };
    const rows = { transactions: payment, payouts: payout, callbacks: event };
    const refused: ReadonlyArray<readonly [table: keyof typeof rows, change: Readonly<Record<string, unknown>>]> = [
      ['transactions', { txnid: null }],
      ['transactions', { txnid: 'x'.repeat(41) }],
      ['transactions', { amount: null }],
      ['transactions', { amount: 100 }],
      ['transactions', { amount: '100' }],
      ['transactions', { amount: '100.000' }],
      ['transactions', { amount: '.10' }],
      ['transactions', { amount: '-1.00' }],
      ['transactions', { amount: '1e9.00' }],
      ['transactions', { amount: '10000000000.00' }],
      ['transactions', { refno: 'x'.repeat(33) }],
      ['transactions', { status: 'SS' }],
      ['transactions', { status: 'D' }],
      ['transactions', { status: 's' }],
      ['transactions', { reached: 'SD' }],
      ['transactions', { currency: 'php' }],
      ['transactions', { currency: 'PH' }],
      ['transactions', { email: 'x'.repeat(255) }],
      ['transactions', { created_at: 'yesterday' }],
      ['payouts', { status: 'R' }],
      ['payouts', { reached: 'K' }],
      ['payouts', { amount: '1' }],
      ['callbacks', { kind: 'refund' }],
      ['callbacks', { status: 'SS' }],
      ['callbacks', { outcome: 'skipped' }],
      ['callbacks', { proof: 'md5' }],
      ['callbacks', { method: 'PUT' }],
      ['callbacks', { deliveries: 0 }],
      ['callbacks', { reasons: '{}' }],
      ['callbacks', { reasons: 'late' }],
      ['callbacks', { raw: null }],
      ['callbacks', { fingerprint: 'short' }],
    ];

    const insert = (table: keyof typeof rows, change: object) => {
      const row = { ...rows[table], ...change };
      return (database.db as unknown as Kysely<Record<string, Record<string, unknown>>>)
        .insertInto(`dragonpay_${table}`)
        .values(row)
        .execute();
    };

    for (const [table, change] of refused) {
      const [[column, value] = []] = Object.entries(change);
      it(`${table}: ${column} ${JSON.stringify(value)?.slice(0, 20)}`, async () => {
        const error = await insert(table, change).catch((reason: unknown) => reason);
        expect(sqliteDialect.wasRefused(error), String(error)).to.equal(true);
      });
    }

    it('an id twice, and nothing that is right', async () => {
      for (const table of ['transactions', 'payouts', 'callbacks'] as const) {
        await insert(table, {});
        const error = await insert(table, {}).catch((reason: unknown) => reason);
        expect(sqliteDialect.wasRefused(error), table).to.equal(true);
      }
      await insert('transactions', { txnid: 't-1', amount: '9999999999.99' });
      await insert('callbacks', { status: 's', outcome: 'unrecognized' });
      await insert('callbacks', { refno: 'R-2', outcome: 'mismatch', reasons: '["refno"]' });
    });
  });

  describe('makes indexes that serve', () => {
    const open = `status in ('P', 'U', 'A')`;
    const plans: Readonly<Record<string, readonly [statement: string, index: RegExp]>> = {
      'a payment by its id': [
        `select 1 from dragonpay_transactions where txnid = 'T-1'`,
        /autoindex_dragonpay_transactions/,
      ],
      'the events of a payment': [
        `select 1 from dragonpay_callbacks where id = 'T-1' and kind = 'payment'`,
        /autoindex_dragonpay_callbacks/,
      ],
      'the oldest events': ['select 1 from dragonpay_callbacks order by first_seen limit 10', /first_seen/],
      'the events to review': [
        `select 1 from dragonpay_callbacks where reasons <> '[]' order by first_seen limit 10`,
        /review/,
      ],
      'the open payments': [
        `select 1 from dragonpay_transactions where ${open} order by max(modified_at, coalesce(inquired_at, 0)) limit 1`,
        /_open/,
      ],
      'early events': [
        `select 1 from dragonpay_callbacks where outcome in ('not-found', 'failed')
          and instr(reasons, '"not-found"') > 0 order by first_seen limit 1`,
        /_early/,
      ],
    };
    for (const [name, [statement, index]] of Object.entries(plans)) {
      it(name, async () => {
        const { rows } = await sql<{ detail: string }>`explain query plan ${sql.raw(statement)}`.execute(database.db);
        const plan = rows.map(({ detail }) => detail).join('\n');
        expect(plan).to.match(index).and.not.include('TEMP B-TREE');
      });
    }
  });
});
