import { AsyncLocalStorage } from 'node:async_hooks';
import { expect } from 'chai';
import { Kysely, Migrator, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { DragonpayCallback, DragonpayError, OnPost, OnStatus } from '../../../src/index.js';
import {
  createMigrations,
  type DragonpayTables,
  KyselyRepository,
  type KyselyRepositoryOptions,
  type StoredCallback,
} from '../../../src/kysely.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { dispatchSigned, testEndpoint } from '../../support/dispatch-signed.js';

const tenants = ['tenant_a', 'tenant_b'];

describe('async contexts', () => {
  const tenant = new AsyncLocalStorage<string>();
  let database: TestDatabase;
  let pool: pg.Pool;
  let db: Kysely<DragonpayTables>;
  /** The context of each connection that was taken, in order. */
  const taken: (string | undefined)[] = [];

  before(async () => {
    database = await createTestDatabase();
    for (const schema of tenants) {
      const migrations = createMigrations({ schema });
      const migrator = new Migrator({
        db: database.db,
        provider: migrations,
        ...migrations,
        migrationTableSchema: schema,
      });
      expect((await migrator.migrateToLatest()).error).to.equal(undefined);
    }
    pool = new pg.Pool({ connectionString: database.url, max: 4 });
    pool.on('error', () => {});
    /** Each connection is set to the tenant of the context in which it is taken. */
    const byTenant = {
      async connect() {
        const current = tenant.getStore();
        const client = await pool.connect();
        await client.query(`set search_path = ${current ?? 'public'}`);
        taken.push(current);
        return client;
      },
      end: () => pool.end(),
    };
    db = new Kysely({ dialect: new PostgresDialect({ pool: byTenant }) });
  });
  after(async () => {
    await db.destroy();
    await database.destroy();
  });

  const wrongSchemas: string[] = [];

  @DragonpayCallback()
  class Plain {
    @OnPost() settle(callback: { valid: boolean; update: { outcome: string } }) {
      return callback.update.outcome;
    }
  }

  @DragonpayCallback()
  class Shipping extends Plain {
    @OnStatus('S') async ship({ trx }: StoredCallback<'S', DragonpayTables>) {
      const { rows } = await sql<{ schema: string }>`select current_schema() as schema`.execute(trx);
      if (rows[0]?.schema !== tenant.getStore()) wrongSchemas.push(`${tenant.getStore()} in ${rows[0]?.schema}`);
    }
  }

  /** Delivers twenty callbacks of each tenant at once, twice, and returns the results. */
  async function deliver(options: KyselyRepositoryOptions, Class: typeof Plain, mark: string): Promise<string[]> {
    const repository = new KyselyRepository(db, options);
    const endpoint = testEndpoint(Class, { repository, limits: { earlyMilliseconds: 0 } });
    const all = Array.from({ length: 20 }, (_, number) => number).flatMap((number) =>
      tenants.map((name) => ({ name, txnid: `${mark}-${name}-${number}` })),
    );
    for (const { name, txnid } of all) {
      await tenant.run(name, () => repository.createPayment({ txnid, amount: '1.00' }));
    }
    taken.length = 0;
    wrongSchemas.length = 0;
    const told = new Set<string>();
    for (let round = 0; round < 2; round++) {
      const fields = (txnid: string) => ({ txnid, refno: 'R-1', status: 'S', message: '' });
      const replies = await Promise.all(
        all.map(({ name, txnid }) => tenant.run(name, () => dispatchSigned(endpoint, fields(txnid)))),
      );
      for (const { body } of replies) told.add(`${round} ${body}`);
    }
    return [...told].sort();
  }

  for (const Class of [Plain, Shipping]) {
    for (const [how, options] of [
      ['with batch: 1', { batch: 1 }],
      ['with a batchKey', { batchKey: () => tenant.getStore() }],
    ] as const) {
      it(`statements run in the context of their callbacks ${how}, for ${Class.name}`, async () => {
        const told = await deliver(options, Class, `${Class.name}-${how.replaceAll(/\W+/g, '')}`);
        expect(told).to.deep.equal(['0 applied', '1 duplicate']);
        expect(wrongSchemas).to.deep.equal([]);
        expect(taken).to.not.include(undefined);
      });
    }
  }

  it('a batchKey that is an object keeps two objects apart', async () => {
    const keys = new Map(tenants.map((name) => [name, { name }]));
    const told = await deliver({ batchKey: () => keys.get(tenant.getStore() ?? '') }, Plain, 'objects');
    expect(told).to.deep.equal(['0 applied', '1 duplicate']);
  });

  it('a shared statement runs in no context', async () => {
    await deliver({}, Plain, 'shared');
    expect(new Set(taken)).to.deep.equal(new Set([undefined]));
  });

  it('KyselyRepository refuses a transaction, which it would commit or outlive', async () => {
    await database.db.transaction().execute(async (trx) => {
      expect(() => new KyselyRepository(trx))
        .to.throw(DragonpayError, /must not be a transaction/)
        .with.property('code', 'invalid-setting');
    });
  });
});
