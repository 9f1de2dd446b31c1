import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import {
  DragonpayCallback,
  DragonpayError,
  generateTxnId,
  type HandlerClass,
  OnStatus,
  type RecordedUpdate,
} from '../../../src/index.js';
import {
  type DragonpayTables,
  KyselyRepository,
  type StoredCallback,
  withNamedStatements,
} from '../../../src/kysely.js';
import { EffectSlots } from '../../../src/repository/kysely/effect-slots.js';
import type { TakenConnection } from '../../../src/repository/kysely/take-connection.js';
import { repositoryConformance } from '../../../src/testing.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { dispatchSigned, testEndpoint } from '../../support/dispatch-signed.js';

type Database = DragonpayTables & { shipped: { txnid: string } };

interface Shop {
  readonly pool: pg.Pool;
  readonly db: Kysely<Database>;
  readonly repository: KyselyRepository<Database>;
}

/** The plain pool, and the wrapped one. */
const wrappings = {
  'a plain pool': (pool: pg.Pool) => pool,
  'a wrapped pool': (pool: pg.Pool) => withNamedStatements(pool),
} as const;

describe('pools', () => {
  let database: TestDatabase;
  const opened: Kysely<Database>[] = [];

  before(async () => {
    database = await createTestDatabase();
    await database.pool.query('create table shipped (txnid varchar(40) primary key)');
  });
  afterEach(async () => {
    for (const db of opened.splice(0)) await db.destroy();
  });
  after(() => database.destroy());

  function open(config: pg.PoolConfig, wrap: (pool: pg.Pool) => object = wrappings['a wrapped pool']): Shop {
    const pool = new pg.Pool({ connectionString: database.url, ...config });
    pool.on('error', () => {});
    const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: wrap(pool) as pg.Pool }) });
    opened.push(db);
    return { pool, db, repository: new KyselyRepository<Database>(db) };
  }

  async function payments(count: number): Promise<string[]> {
    const repository = new KyselyRepository<DragonpayTables>(database.db);
    const ids = Array.from({ length: count }, () => generateTxnId());
    for (const txnid of ids) await repository.createPayment({ txnid, amount: '100.00' });
    return ids;
  }

  async function shipped(ids: readonly string[]): Promise<number> {
    const { rows } = await database.pool.query('select count(*)::int as n from shipped where txnid = any($1)', [ids]);
    return rows[0].n;
  }

  /** Pays all payments at once. */
  async function pay(shop: Shop, Class: HandlerClass, ids: readonly string[], limits: object = {}) {
    const failures: unknown[] = [];
    const hooks = {
      handlerFailed: ({ error }: { error: unknown }) => void failures.push(error),
      stored: ({ error }: { error?: unknown; update?: RecordedUpdate }) => void (error && failures.push(error)),
    };
    const endpoint = testEndpoint(Class, { repository: shop.repository, hooks, limits } as never);
    const startedAt = performance.now();
    const replies = await Promise.all(
      ids.map((txnid) => dispatchSigned(endpoint, { txnid, refno: 'R-1', status: 'S', message: '' })),
    );
    return { statuses: replies.map(({ status }) => status), failures, milliseconds: performance.now() - startedAt };
  }

  /** Ships outside of the transaction, through its own `db`, as a service would. */
  function shippingBy(db: Kysely<Database>): HandlerClass {
    @DragonpayCallback()
    class Shipping {
      @OnStatus('S') async ship({ data: { txnid } }: StoredCallback<'S', Database>) {
        await db.insertInto('shipped').values({ txnid }).execute();
      }
    }
    return Shipping;
  }

  @DragonpayCallback()
  class ShippingInTransaction {
    @OnStatus('S') async ship({ trx, data: { txnid } }: StoredCallback<'S', Database>) {
      await trx.insertInto('shipped').values({ txnid }).execute();
    }
  }

  it('wait where the server gives fewer connections than the pool may have', async () => {
    const role = new URL(database.url).pathname.slice(1).replace('dragonpay_test', 'few');
    await database.pool.query(`create role ${role} login password 'hush' connection limit 2`);
    await database.pool.query(`grant all on all tables in schema public to ${role}`);
    const connectionString = Object.assign(new URL(database.url), { username: role, password: 'hush' }).href;
    const shop = open({ connectionString, max: 8 });
    try {
      const ids = await payments(8);
      const { statuses } = await pay(shop, ShippingInTransaction, ids);
      expect(statuses).to.deep.equal(Array(8).fill(200));
      expect(await shipped(ids)).to.equal(8);
    } finally {
      await shop.db.destroy();
      opened.splice(opened.indexOf(shop.db), 1);
      await database.pool.query(`drop owned by ${role}; drop role ${role}`);
    }
  });

  for (const [name, wrap] of Object.entries(wrappings)) {
    it(`of one connection fail one conformance case, which says why: ${name}`, async () => {
      const { repository } = open({ max: 1 }, wrap);
      const cases = repositoryConformance(() => ({ repository }));
      const resultOf = (start: string) =>
        cases
          .find(({ name }) => name.startsWith(start))
          ?.run()
          .then(
            () => 'passed',
            ({ message }: Error) => message,
          );
      expect(await resultOf('shows others the old row')).to.include('a pool of two connections or more');
      for (const start of ['commits an effect', 'rolls back when the effect fails']) {
        expect(await resultOf(start)).to.equal('passed');
      }
    });
  }

  for (const [name, wrap] of Object.entries(wrappings)) {
    for (const max of [2, 4]) {
      it(`twelve methods that query their own db are all answered 200 with ${name} of ${max}`, async () => {
        const shop = open({ max }, wrap);
        const ids = await payments(12);
        const { statuses, failures, milliseconds } = await pay(shop, shippingBy(shop.db), ids);
        expect(failures).to.deep.equal([]);
        expect(statuses).to.deep.equal(ids.map(() => 200));
        expect(await shipped(ids)).to.equal(12);
        expect(milliseconds).to.be.below(3_000);
      });
    }

    it(`forty methods with transactions of their own get 200 with ${name} of two`, async () => {
      const shop = open({ max: 2 }, wrap);
      const ids = await payments(40);
      @DragonpayCallback()
      class Shipping {
        @OnStatus('S') async ship({ data: { txnid } }: StoredCallback<'S', Database>) {
          await shop.db.transaction().execute(async (trx) => {
            await trx.insertInto('shipped').values({ txnid }).execute();
            await sql`select pg_sleep(0.02)`.execute(trx);
          });
        }
      }
      const { statuses, failures } = await pay(shop, Shipping, ids);
      expect(failures).to.deep.equal([]);
      expect(statuses).to.deep.equal(ids.map(() => 200));
      expect(await shipped(ids)).to.equal(40);
    });

    it(`twelve methods that use only callback.trx are all answered 200 with ${name} of one`, async () => {
      const shop = open({ max: 1 }, wrap);
      const ids = await payments(12);
      const { statuses } = await pay(shop, ShippingInTransaction, ids);
      expect(statuses).to.deep.equal(ids.map(() => 200));
      expect(await shipped(ids)).to.equal(12);
    });
  }

  it('two repositories on one pool leave a connection of it free', async () => {
    const shop = open({ max: 2 });
    const other = { ...shop, repository: new KyselyRepository<Database>(shop.db) };
    const ids = [await payments(12), await payments(12)] as const;
    const paid = await Promise.all([pay(shop, shippingBy(shop.db), ids[0]), pay(other, shippingBy(shop.db), ids[1])]);
    expect(paid.flatMap(({ failures }) => failures)).to.deep.equal([]);
    expect(await shipped(ids.flat())).to.equal(24);
  });

  it('a method that queries its own db through a pool of one fails with pool-exhausted', async () => {
    const shop = open({ max: 1 });
    const ids = await payments(2);
    const { statuses, failures, milliseconds } = await pay(shop, shippingBy(shop.db), ids);
    expect(statuses).to.deep.equal([500, 500]);
    for (const error of failures) {
      const { cause } = error as Error;
      expect(DragonpayError.is(cause ?? error) && (cause ?? error)).to.include({ code: 'pool-exhausted' });
    }
    expect(failures).to.have.length.above(1);
    expect(milliseconds).to.be.below(2_000);
    expect(await shipped(ids)).to.equal(0);
  });

  it('a query of somebody else waits for its turn with a wrapped pool of one', async () => {
    const shop = open({ max: 1 });
    const ids = await payments(1);
    const paying = pay(shop, ShippingInTransaction, ids);
    const others = Promise.all(Array.from({ length: 5 }, () => sql`select pg_sleep(0.01)`.execute(shop.db)));
    expect((await paying).statuses).to.deep.equal([200]);
    await others;
  });

  it('twelve concurrent serializable methods on one table are all answered 200', async () => {
    const shop = open({ max: 10, options: '-c default_transaction_isolation=serializable' });
    const ids = await payments(12);
    @DragonpayCallback()
    class Counting {
      @OnStatus('S') async ship({ trx, data: { txnid } }: StoredCallback<'S', Database>) {
        await sql`select count(*) from shipped`.execute(trx);
        await trx.insertInto('shipped').values({ txnid }).execute();
      }
    }
    const { statuses, failures } = await pay(shop, Counting, ids);
    expect(failures).to.deep.equal([]);
    expect(statuses).to.deep.equal(ids.map(() => 200));
    expect(await shipped(ids)).to.equal(12);
  });

  it('an event that another transaction records at the same time is applied once', async () => {
    const shop = open({ max: 4 });
    const txnid = generateTxnId();
    const limits = { earlyMilliseconds: 0 };
    // Delivers the callback before its row, and copies the recorded event. A transaction that stays open then inserts
    // that copy, as if it had recorded the event.
    await pay(shop, ShippingInTransaction, [txnid], limits);
    await database.pool.query('create table early as select * from dragonpay_callbacks where id = $1', [txnid]);
    await database.pool.query('delete from dragonpay_callbacks where id = $1', [txnid]);
    await new KyselyRepository<DragonpayTables>(database.db).createPayment({ txnid, amount: '100.00' });
    const other = await database.pool.connect();
    await other.query('begin');
    await other.query('insert into dragonpay_callbacks select * from early');
    const paying = pay(shop, ShippingInTransaction, [txnid], limits);
    await sql`select pg_sleep(0.2)`.execute(shop.db);
    await other.query('commit');
    other.release();
    expect((await paying).statuses).to.deep.equal([200]);
    expect(await shipped([txnid])).to.equal(1);
    const [event, ...others] = await shop.repository.callbacks({ txnid });
    expect(others).to.deep.equal([]);
    expect(event).to.include({ outcome: 'applied', deliveries: 2 });
  });

  it('callbacks that wait for their row hold no connection', async () => {
    const shop = open({ max: 1 });
    const ids = Array.from({ length: 6 }, () => generateTxnId());
    const paying = pay(shop, ShippingInTransaction, ids);
    const isRecorded = async () => {
      const { rows } = await database.pool.query('select from dragonpay_callbacks where id = any($1)', [ids]);
      return rows.length === ids.length;
    };
    while (!(await isRecorded())) await sleep(10);
    // All callbacks wait now. None of them holds the only connection between two look-ups of its row.
    const looks = await Promise.all(Array.from({ length: 20 }, () => sql`select 1`.execute(shop.db)));
    expect(looks).to.have.length(20);
    let idle = 0;
    for (let look = 0; look < 20; look++) {
      await sleep(10);
      idle += shop.pool.idleCount;
    }
    expect(idle, 'looks at which the connection was free').to.be.above(5);
    for (const txnid of ids) await shop.repository.createPayment({ txnid, amount: '100.00' });
    expect((await paying).statuses).to.deep.equal(Array(6).fill(200));
    expect(await shipped(ids)).to.equal(6);
  });

  it('statements of methods get names when they come again, unless they have a result', async () => {
    const shop = open({ max: 1 });
    const [txnid = ''] = await payments(1);
    const texts = {
      named: sql`update shipped set txnid = ${txnid} where txnid = ${txnid}`,
      result: sql`update shipped set txnid = ${txnid} where txnid = ${txnid} returning txnid`,
      query: sql`select * from shipped where txnid = ${txnid}`,
      none: sql`delete from shipped where false; delete from shipped where false`,
    };
    for (const text of [...Object.values(texts), ...Object.values(texts)]) await text.execute(shop.db);
    const { rows } = await sql<{ name: string; statement: string }>`
      select name, statement from pg_prepared_statements where name <> ''`.execute(shop.db);
    expect(rows.map(({ statement }) => statement)).to.deep.equal(['update shipped set txnid = $1 where txnid = $2']);
    expect(rows[0]?.name).to.match(/^dragonpay-other-/);
  });

  it('statements of callbacks keep one plan, which serves tables that grow', async () => {
    // Statistics of earlier tests would change the plan.
    await database.pool.query('alter table dragonpay_transactions set (autovacuum_enabled = off)');
    await database.pool.query('truncate dragonpay_transactions, dragonpay_callbacks');
    const shop = open({ max: 1 });
    @DragonpayCallback()
    class Plain {}
    for (let round = 0; round < 9; round++) {
      await pay(shop, ShippingInTransaction, await payments(1));
      await pay(shop, Plain, await payments(1));
      await pay(shop, Plain, await payments(4));
    }
    const { rows } = await sql<Prepared & { planned: string }>`
      select name, split_part(statement, ' ', 2) as what, custom_plans::text as planned,
        cardinality(parameter_types) as parameters
      from pg_prepared_statements
      where statement like '/* dragonpay-%' and name like '%-1' and generic_plans + custom_plans > 8
      order by what`.execute(shop.db);
    // PostgreSQL plans for the given parameters five times before it considers one plan for all parameters.
    expect(rows.map(({ what, planned }) => [what, planned])).to.deep.equal([
      ['dragonpay-payment-move', '5'],
      ['dragonpay-payment-moves', '5'],
      ['dragonpay-payment-news', '5'],
    ]);
    for (const prepared of rows) {
      const plan = await planOf(shop, prepared);
      expect(plan, prepared.what).to.include('Index Scan using dragonpay_transactions_pkey');
      expect(plan, prepared.what).to.not.include('Seq Scan');
    }
  });

  interface Prepared {
    readonly name: string;
    readonly what: string;
    readonly parameters: number;
  }

  /** The plan that the server keeps for all parameters. */
  async function planOf(shop: Shop, { name, parameters }: Prepared): Promise<string> {
    const call = sql.raw(`"${name}"(${Array(parameters).fill('null').join(', ')})`);
    const plan = await sql<{ 'QUERY PLAN': string }>`explain execute ${call}`.execute(shop.db);
    return plan.rows.map((row) => row['QUERY PLAN']).join('\n');
  }

  it('statements get a new plan when tables grow that were analyzed while they were empty', async () => {
    const tables = 'dragonpay_transactions, dragonpay_payouts, dragonpay_callbacks';
    for (const table of tables.split(', ')) {
      await database.pool.query(`alter table ${table} set (autovacuum_enabled = off)`);
    }
    await database.pool.query(`truncate ${tables}; analyze ${tables}`);
    const shop = open({ max: 1 });
    @DragonpayCallback()
    class Plain {}
    const prepared = async () => {
      const { rows } = await sql<Prepared>`
        select name, split_part(statement, ' ', 2) as what, cardinality(parameter_types) as parameters
        from pg_prepared_statements
        where statement like '/* dragonpay-payment-%' and generic_plans > 0 order by prepare_time desc`.execute(
        shop.db,
      );
      return rows;
    };
    const round = async () => {
      await pay(shop, ShippingInTransaction, await payments(1));
      // The first of them is sent alone, and the others share a statement.
      await pay(shop, Plain, await payments(3));
    };
    while ((await prepared()).length < 3) await round();
    for (const one of await prepared()) expect(await planOf(shop, one), one.what).to.include('Seq Scan');
    await database.pool.query(`
      insert into dragonpay_transactions (txnid, amount) select 'X' || n, 1 from generate_series(1, 5000) n;
      insert into dragonpay_callbacks (kind, id, refno, status, outcome, proof, key_id, raw)
        select 'payment', 'X' || n, 'R', 'S', 'applied', 'rsa', 'key', 'raw' from generate_series(1, 5000) n`);
    const before = new Set((await prepared()).map(({ name }) => name));
    const renewed = async () => (await prepared()).filter(({ name }) => !before.has(name));
    while ((await renewed()).length < 3) await round();
    for (const one of await renewed()) expect(await planOf(shop, one), one.what).to.not.include('Seq Scan');
  });

  describe('a pooler that does not know named statements', () => {
    /** What a client may find on another connection of the server: its names are missing, or others have used them. */
    const poolers: Readonly<Record<string, (client: pg.PoolClient) => Promise<unknown>>> = {
      'has forgotten the name (26000)': (client) => client.query('deallocate all'),
      'knows the name already (42P05)': async (client) => {
        const { connection } = client as unknown as { connection: { parsedStatements: object } };
        connection.parsedStatements = {};
      },
    };

    for (const [name, confuse] of Object.entries(poolers)) {
      for (const [how, Class] of [
        ['with an effect', ShippingInTransaction],
        ['without one', class {}],
      ] as const) {
        it(`that ${name} loses no callback ${how} and warns once`, async () => {
          const warnings: string[] = [];
          const hear = ({ name, message }: Error) => name === 'DragonpayWarning' && void warnings.push(message);
          process.on('warning', hear);
          const pool = new pg.Pool({ connectionString: database.url, max: 3 });
          const connect = pool.connect.bind(pool);
          pool.connect = (async () => {
            const client = await connect();
            await confuse(client);
            return client;
          }) as typeof pool.connect;
          const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: withNamedStatements(pool) }) });
          opened.push(db);
          const shop = { pool, db, repository: new KyselyRepository<Database>(db) };
          const ids = await payments(10);
          const decorated = how === 'with an effect' ? Class : (DragonpayCallback()(Class as never) ?? Class);
          for (const round of [1, 2]) {
            const { statuses, failures } = await pay(shop, decorated as HandlerClass, ids);
            expect(failures, `round ${round}`).to.deep.equal([]);
            expect(statuses).to.deep.equal(ids.map(() => 200));
          }
          await new Promise((resolve) => setImmediate(resolve));
          process.off('warning', hear);
          expect(warnings).to.have.length(1);
          expect(warnings[0]).to.match(/withNamedStatements/);
        });
      }
    }
  });
});

describe('The number of handlers at once', () => {
  it('leaves one connection of the pool free, also after many handlers one after the other', async () => {
    let free = 3;
    const waiting: (() => void)[] = [];
    const release = () => {
      free++;
      waiting.shift()?.();
    };
    const take = async (): Promise<TakenConnection> => {
      while (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
      free--;
      return { connection: {} as never, release };
    };
    const slots = new EffectSlots(undefined, take);
    const later = performance.now() + 60_000;
    for (let one = 0; one < 5; one++) await slots.run(async (taken) => taken.release(), later);
    let running = 0;
    let most = 0;
    const work = async (taken: TakenConnection) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 20));
      const second = await take();
      second.release();
      running--;
      taken.release();
    };
    await Promise.all([1, 2, 3, 4].map(() => slots.run(work, later)));
    expect(most).to.equal(2);
  });
});
