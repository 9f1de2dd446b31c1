import { expect } from 'chai';
import { Kysely, Migrator, PostgresDialect } from 'kysely';
import pg from 'pg';
import { createMigrations, KyselyRepository, type TableNames } from '../../../src/kysely.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { hashMigrations } from '../../support/migration-hashes.js';

const names = {
  'the default names': {},
  'names of one’s own': { schema: 'Shop "1"', transactions: 'Payments', payouts: 'pay outs', callbacks: 'in"box' },
} as const satisfies Record<string, TableNames>;

/** Everything in the catalog about the tables of this package, as text. */
async function catalogOf(client: pg.Client | pg.Pool): Promise<string[]> {
  const { rows } = await client.query<{ line: string }>(`
    with tables as (
      select c.oid, c.oid::regclass::text as name, c.reloptions from pg_class c
      where c.relkind = 'r' and c.relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema')
        and c.relname !~ 'migrations'
    )
    select name || ' with ' || coalesce(array_to_string(reloptions, ','), '') as line from tables
    union all
    select name || '.' || attnum || ' ' || attname || ' ' || format_type(atttypid, atttypmod) || ' '
        || attcollation::regcollation || case when attnotnull then ' not null ' else ' ' end
        || coalesce(pg_get_expr(adbin, adrelid), '')
      from tables join pg_attribute on attrelid = tables.oid and attnum > 0 and not attisdropped
      left join pg_attrdef on adrelid = attrelid and adnum = attnum
    union all
    select name || ' ' || conname || ' ' || pg_get_constraintdef(pg_constraint.oid)
      from tables join pg_constraint on conrelid = tables.oid
    union all
    select name || ' ' || pg_get_indexdef(indexrelid) from tables join pg_index on indrelid = tables.oid
    order by line`);
  return rows.map(({ line }) => line);
}

describe('createMigrations', () => {
  let database: TestDatabase;

  before(async () => {
    database = await createTestDatabase();
  });

  after(() => database.destroy());

  /** An empty database, a pool's Kysely on it, and a client. */
  async function withEmptyDatabase(run: (db: Kysely<unknown>, client: pg.Client) => Promise<void>): Promise<void> {
    const name = `migrations_test_${process.pid}_${Date.now()}`;
    await database.pool.query(`create database ${name}`);
    const url = new URL(database.url);
    url.pathname = `/${name}`;
    const pool = new pg.Pool({ connectionString: url.href });
    const client = new pg.Client({ connectionString: url.href });
    // A connection may still be closing when its database is dropped.
    pool.on('error', () => {});
    client.on('error', () => {});
    const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
    await client.connect();
    try {
      await run(db, client);
    } finally {
      await client.end();
      await db.destroy();
      await database.pool.query(`drop database ${name} with (force)`);
    }
  }

  function migratorOf(db: Kysely<unknown>, tables: TableNames): Migrator {
    const migrations = createMigrations(tables);
    return new Migrator({ db, provider: migrations, ...migrations });
  }

  for (const [name, tables] of Object.entries(names)) {
    describe(`with ${name}`, () => {
      it('goes up, down and up again', () =>
        withEmptyDatabase(async (db, client) => {
          const migrator = migratorOf(db, tables);
          expect((await migrator.migrateToLatest()).error).to.equal(undefined);
          const catalog = await catalogOf(client);
          expect(catalog.length).to.be.above(50);

          for (const _ of Object.keys(await createMigrations(tables).getMigrations())) {
            const down = await migrator.migrateDown();
            expect(down.error).to.equal(undefined);
            expect(down.results?.map(({ status }) => status)).to.deep.equal(['Success']);
          }
          expect(await catalogOf(client)).to.deep.equal([]);

          expect((await migrator.migrateToLatest()).error).to.equal(undefined);
          expect(await catalogOf(client)).to.deep.equal(catalog);
          expect((await migrator.migrateToLatest()).results).to.deep.equal([]);
        }));

      it('prints SQL that makes the same tables', () =>
        withEmptyDatabase(async (db, client) => {
          await client.query(createMigrations(tables).toSQL());
          const printed = await catalogOf(client);
          const repository = new KyselyRepository(db, tables);
          await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
          expect(await repository.findPayment('T-1')).to.include({ amount: '100.00' });

          await withEmptyDatabase(async (migrated, otherClient) => {
            await migratorOf(migrated, tables).migrateToLatest();
            expect(printed).to.deep.equal(await catalogOf(otherClient));
          });
        }));
    });
  }

  it('keeps the rows of the first version on the way up and down', () =>
    withEmptyDatabase(async (db, client) => {
      const migrator = migratorOf(db, {});
      await migrator.migrateTo('0001_tables');
      await client.query(`insert into dragonpay_transactions (txnid, amount, status, reached, refno)
        values ('T-1', 100, 'P', '', null), ('T-2', 100, 'S', 'PS', 'R-2')`);
      await client.query(`insert into dragonpay_callbacks
        (kind, id, refno, status, outcome, reasons, proof, key_id, method, raw, deliveries)
        values ('payment', 'T-2', 'R-2', 'P', 'applied', '{}', 'rsa', 'k', 'POST', 'raw', 2),
               ('payment', 'T-2', 'R-2', 'S', 'mismatch', '{amount}', 'sha1', 'k', 'GET', 'raw', 1)`);
      const rows = async () => {
        const { rows: payments } = await client.query(
          `select txnid, amount, status, reached, refno, modified_at from dragonpay_transactions order by txnid`,
        );
        const { rows: events } = await client.query(
          `select kind, id, refno, status, outcome, reasons, proof, method, raw, deliveries, first_seen
          from dragonpay_callbacks order by id, status`,
        );
        return [payments, events];
      };
      const before = await rows();
      expect((await migrator.migrateToLatest()).error).to.equal(undefined);
      expect(await rows()).to.deep.equal(before);

      await client.query(`insert into dragonpay_callbacks
        (kind, id, refno, status, correction, outcome, proof, key_id, method, raw)
        values ('payment', 'T-1', 'R-1', 'S', 0, 'failed', 'rsa', 'k', 'POST', ''),
               ('payment', 'T-1', 'R-1', 'F', 0, 'applied', 'inquiry', 'k', null, ''),
               ('payment', 'T-2', 'R-2', 'S', 1, 'applied', 'manual', 'k', null, '')`);
      await client.query(`insert into dragonpay_callbacks
        (kind, id, refno, status, fingerprint, outcome, proof, key_id, method, raw)
        values ('payment', 'T-2', 'R-2', 'S', '00000000________________', 'duplicate', 'sha1', 'k', 'GET', 'another')`);
      expect((await migrator.migrateTo('0001_tables')).error).to.equal(undefined);
      expect(await rows()).to.deep.equal(before);
    }));

  it('leaves the inbox without our checks, and keeps those that a merchant added', () =>
    withEmptyDatabase(async (db, client) => {
      const migrator = migratorOf(db, {});
      await migrator.migrateTo('0005_forms');
      await client.query(`alter table dragonpay_callbacks
        add check (deliveries < 100000), add constraint is_known check (kind <> 'refund')`);
      const checks = async () => {
        const { rows } = await client.query(
          `select conname as name from pg_constraint where contype = 'c' and conrelid = 'dragonpay_callbacks'::regclass
           order by 1`,
        );
        return rows.map(({ name }) => name);
      };
      const before = await checks();
      expect((await migrator.migrateToLatest()).error).to.equal(undefined);
      expect(await checks()).to.deep.equal(['dragonpay_callbacks_deliveries_check1', 'is_known']);
      expect((await migrator.migrateDown()).error).to.equal(undefined);
      expect(await checks()).to.deep.equal(before);
    }));

  const pairs: Readonly<Record<string, readonly [TableNames, TableNames]>> = {
    'two schemas': [{ schema: 'acme' }, { schema: 'globex' }],
    'a schema and none': [{}, { schema: 'acme' }],
    'other names': [{}, { transactions: 'other_payments', payouts: 'other_payouts', callbacks: 'other_callbacks' }],
  };
  for (const [name, pair] of Object.entries(pairs)) {
    it(`makes both sets of tables in one database with ${name}`, () =>
      withEmptyDatabase(async (db) => {
        for (const [index, tables] of pair.entries()) {
          const { error, results } = await migratorOf(db, tables).migrateToLatest();
          expect(error).to.equal(undefined);
          expect(results).to.have.length.above(1);
          const repository = new KyselyRepository(db, tables);
          await repository.createPayment({ txnid: `T-${index}`, amount: '1.00' });
        }
        for (const [index, tables] of pair.entries()) {
          const repository = new KyselyRepository(db, tables);
          expect(await repository.findPayment(`T-${index}`)).to.include({ amount: '1.00' });
          expect(await repository.findPayment(`T-${1 - index}`)).to.equal(undefined);
        }
      }));
  }

  it('stands beside migrations of one’s own, with tables of its own to keep them', () =>
    withEmptyDatabase(async (db, client) => {
      const own = {
        getMigrations: async () => ({
          '0001_orders': { up: (db: Kysely<unknown>) => db.schema.createTable('orders').execute() },
        }),
      };
      expect((await new Migrator({ db, provider: own }).migrateToLatest()).error).to.equal(undefined);
      expect((await migratorOf(db, {}).migrateToLatest()).error).to.equal(undefined);
      const { rows } = await client.query(
        `select relname from pg_class where relkind = 'r' and relname like '%migration%'`,
      );
      expect(rows.map(({ relname }) => relname)).to.have.members([
        ...['kysely_migration', 'kysely_migration_lock', 'dragonpay_migrations', 'dragonpay_migrations_lock'],
      ]);
    }));

  /** Never change a hash of a released migration: databases that ran it would differ from new ones. Add a migration. */
  const frozen: Readonly<Record<string, readonly [up: string, down: string]>> = {
    '0001_tables': [
      '7619d8efb78a4f655a5773d93bd8d6913b61d0381600477f0902c579e0ee685e',
      '6de46863b10237af2751009c166e0b3857fb097589f970f2d7632a92ed51ded4',
    ],
    '0002_inquiries_and_corrections': [
      '1ff9f0ada79f68c744cd7372a43b971d005b7a36ae05461e57576d90eb576b44',
      '69ff1e531e102f83662b2158ed767a3a57199e4c9022090d3857f877ddf2a15a',
    ],
    '0003_early_callbacks': [
      '364387b1efb10be5535d7f6b2177d2d02f033575198ef4508dc2fb13f8e304bd',
      'a8de572fb273548b4803ae0cfa03390654d876c51db4582870a5640898cabb9a',
    ],
    '0004_fingerprints': [
      '3731556bf158ab73f33b5d076b2b7c77a01e62d7652cf719b8ff938357a87f5b',
      '390c0f1c7e7263be3c0cafb0e60778a979cd8921ac8ee401705caa93d3af974c',
    ],
    '0005_forms': [
      '2184c865ca1bf7f659f853635439cd262f5a725a6bcc44f19c423ccd18e7054f',
      '0fe6776996c598e52de1aeb77bf144a0c0b2da7cf52ab1ddecc3156ee7b88dc6',
    ],
    '0006_inbox_without_checks': [
      'f873efb86e861c23fcf98409c39d37005cd4bcc3f7eea01286dfe4b6d1429a02',
      '625137d14a511184ee4b0d6498ef26dad6d7a52bde2bbf23b4f1a1563818e0ad',
    ],
  };

  it('prints each migration as it was frozen, byte for byte', async () => {
    expect(await hashMigrations()).to.deep.equal(frozen);
  });

  it('prints every statement with its end, and can be read', () => {
    const printed = createMigrations({ schema: 'shop' }).toSQL();
    expect(printed).to.match(
      /^create schema if not exists "shop";\n\ncreate table "shop"\."dragonpay_transactions" \(\n/,
    );
    expect(printed).to.match(/;\n$/);
    expect(printed.split(';\n\n').every((statement) => /^(?:create|alter|do) /.test(statement))).to.equal(true);
  });

  describe('makes tables that refuse', () => {
    const payment = { txnid: 'T-1', amount: '100.00' };
    const payout = { merchant_txn_id: 'T-1', amount: '100.00' };
    const event = {
      ...{ kind: 'payment', id: 'T-1', refno: 'R-1', status: 'S', outcome: 'applied' },
      ...{ proof: 'rsa', key_id: 'k', method: 'POST', raw: '' },
    };
    const refused: ReadonlyArray<readonly [code: string, table: string, row: Readonly<Record<string, unknown>>]> = [
      ['23502', 'transactions', { ...payment, txnid: null }],
      ['23502', 'transactions', { ...payment, amount: null }],
      ['23502', 'transactions', { ...payment, status: null }],
      ['23502', 'transactions', { ...payment, reached: null }],
      ['22001', 'transactions', { ...payment, txnid: 'x'.repeat(41) }],
      ['22001', 'transactions', { ...payment, refno: 'x'.repeat(33) }],
      ['22001', 'transactions', { ...payment, status: 'SS' }],
      ['22003', 'transactions', { ...payment, amount: '10000000000' }],
      ['22P02', 'transactions', { ...payment, amount: 'much' }],
      ['23514', 'transactions', { ...payment, amount: '-0.01' }],
      ['23514', 'transactions', { ...payment, amount: 'NaN' }],
      ['23514', 'transactions', { ...payment, status: 'D' }],
      ['23514', 'transactions', { ...payment, status: 'G' }],
      ['23514', 'transactions', { ...payment, status: 's' }],
      ['23514', 'transactions', { ...payment, reached: 'SD' }],
      ['23514', 'transactions', { ...payment, currency: 'php' }],
      ['23514', 'transactions', { ...payment, currency: 'PH' }],
      ['23514', 'payouts', { ...payout, status: 'R' }],
      ['23514', 'payouts', { ...payout, reached: 'K' }],
      ['23514', 'payouts', { ...payout, amount: '-1' }],
      ['23502', 'callbacks', { ...event, raw: null }],
      ['22001', 'callbacks', { ...event, status: 'SS' }],
    ];

    function insert(table: string, row: Readonly<Record<string, unknown>>): Promise<unknown> {
      const columns = Object.keys(row);
      const values = columns.map((_, index) => `$${index + 1}`);
      const statement = `insert into dragonpay_${table} (${columns.join(', ')}) values (${values.join(', ')})`;
      return database.pool.query(statement, Object.values(row));
    }

    for (const [code, table, row] of refused) {
      const good: object = table === 'transactions' ? payment : table === 'payouts' ? payout : event;
      const [column, value] = Object.entries(row).find(([name, value]) => Reflect.get(good, name) !== value) ?? [];
      it(`${table}: ${column} ${String(value).slice(0, 20)} (${code})`, async () => {
        const error = await insert(table, row).catch((reason: unknown) => reason);
        expect(error).to.be.instanceOf(pg.DatabaseError);
        expect((error as pg.DatabaseError).code).to.equal(code);
      });
    }

    it('an id twice, and nothing that is right', async () => {
      for (const [table, row] of [
        ['transactions', payment],
        ['payouts', payout],
        ['callbacks', event],
      ] as const) {
        await insert(table, row);
        const error = await insert(table, row).catch((reason: unknown) => reason);
        expect((error as pg.DatabaseError).code, table).to.equal('23505');
      }
      await insert('callbacks', { ...event, status: 's', outcome: 'unrecognized' });
      await insert('callbacks', { ...event, kind: 'payout' });
      await insert('callbacks', { ...event, refno: 'R-2', outcome: 'mismatch', reasons: ['refno'] });
    });
  });

  describe('makes indexes that serve', () => {
    const plans: Readonly<Record<string, readonly [statement: string, index: RegExp]>> = {
      'a payment by its id': [`select from dragonpay_transactions where txnid = 'T-1'`, /dragonpay_transactions_pkey/],
      'the events of a payment': [
        `select from dragonpay_callbacks where id = 'T-1' and kind = 'payment'`,
        /dragonpay_callbacks_pkey/,
      ],
      'the oldest events': [`select from dragonpay_callbacks order by first_seen limit 10`, /first_seen/],
      'the events to review': [
        `select from dragonpay_callbacks where reasons <> '{}' order by first_seen limit 10`,
        /review/,
      ],
    };
    for (const [name, [statement, index]] of Object.entries(plans)) {
      it(name, async () => {
        const client = await database.pool.connect();
        try {
          await client.query('begin');
          await client.query('set local enable_seqscan = off');
          const { rows } = await client.query(`explain ${statement}`);
          expect(rows.map((row) => row['QUERY PLAN']).join('\n')).to.match(index);
        } finally {
          await client.query('rollback');
          client.release();
        }
      });
    }
  });
});
