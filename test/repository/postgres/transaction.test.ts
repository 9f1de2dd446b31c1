import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import pg from 'pg';
import { generateTxnId } from '../../../src/index.js';
import { type DragonpayTables, KyselyRepository, withNamedStatements } from '../../../src/kysely.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { openShop } from '../../support/working-shop.js';

type Database = DragonpayTables & { orders: { txnid: string; line: number } };
type Trx = Transaction<Database>;

describe('the transaction of a handler', () => {
  let database: TestDatabase;
  const pools: Kysely<Database>[] = [];

  before(async () => {
    database = await createTestDatabase();
    await database.pool.query('create table orders (txnid varchar(40), line integer)');
    // A query that ignores a cancellation.
    await database.pool.query(`create function stubborn() returns void language plpgsql as $$
      begin loop begin perform pg_sleep(10); exit; exception when query_canceled then null; end; end loop; end $$`);
  });
  afterEach(async () => {
    for (const db of pools.splice(0)) await db.destroy();
  });
  after(() => database.destroy());

  /** A pool, the errors of its clients, and an endpoint whose method does some work. */
  function shop(work: (trx: Trx, txnid: string) => unknown, options: pg.PoolConfig & { plain?: boolean } = {}) {
    const { plain = false, ...config } = options;
    const pool = new pg.Pool({ connectionString: database.url, max: 4, ...config });
    pool.on('error', () => {});
    const errors: Error[] = [];
    pool.on('connect', (client) => client.on('error', (error) => errors.push(error)));
    const db = new Kysely<Database>({
      dialect: new PostgresDialect({ pool: plain ? pool : withNamedStatements(pool) }),
    });
    pools.push(db);
    return { pool, db, errors, ...openShop(db, work, 300) };
  }

  async function payment(): Promise<string> {
    const { txnid } = await new KyselyRepository(database.db).createPayment({ txnid: generateTxnId(), amount: '1.00' });
    return txnid;
  }

  async function stateOf(txnid: string): Promise<string> {
    const { rows } = await database.pool.query(
      'select status, (select count(*) from orders o where o.txnid = t.txnid) as lines from dragonpay_transactions t where txnid = $1',
      [txnid],
    );
    return `${rows[0].status} ${rows[0].lines}`;
  }

  const insert = (trx: Trx, txnid: string, line: number) => trx.insertInto('orders').values({ txnid, line }).execute();

  it('is committed where all queries are awaited, also many at once and a stream', async () => {
    const { pay } = shop((trx, txnid) => Promise.all([1, 2, 3].map((line) => insert(trx, txnid, line))));
    const txnid = await payment();
    expect(await pay(txnid)).to.equal(200);
    expect(await stateOf(txnid)).to.equal('S 3');
  });

  for (const plain of [true, false]) {
    const name = plain ? 'a plain pool' : 'a wrapped pool';
    it(`is cancelled past the deadline and keeps its connection, with ${name}`, async () => {
      const { pay, errors, pool } = shop((trx) => sql`select pg_sleep(30)`.execute(trx), { plain });
      const txnid = await payment();
      const startedAt = performance.now();
      const status = await pay(txnid);
      expect([status, await stateOf(txnid)]).to.deep.equal([503, 'P 0']);
      expect(performance.now() - startedAt).to.be.below(2_000);
      expect(errors).to.deep.equal([]);
      // The connection is free and can be used.
      await sleep(50);
      expect(pool.idleCount).to.equal(pool.totalCount);
      const { rows } = await pool.query('select pg_current_xact_id_if_assigned() as xid');
      expect(rows).to.deep.equal([{ xid: null }]);
    });
  }

  it('loses its connection where its query does not heed the cancellation, with a wrapped pool', async () => {
    const { pay, pool, errors } = shop((trx) => sql`select stubborn()`.execute(trx));
    const removed = once(pool, 'remove');
    const txnid = await payment();
    expect(await pay(txnid)).to.equal(503);
    await removed;
    expect(errors).to.have.length.above(0);
    expect(await stateOf(txnid)).to.equal('P 0');
  });

  it('leaves a query that does not heed the cancellation to the server, with a plain pool', async () => {
    const { pay, errors } = shop((trx) => sql`select stubborn()`.execute(trx), { plain: true });
    const txnid = await payment();
    expect(await pay(txnid)).to.equal(503);
    await sleep(300);
    expect(errors).to.deep.equal([]);
    await database.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where query like '%stubborn%' and pid <> pg_backend_pid()`,
    );
  });

  describe('waits for the server', () => {
    /** Counts the statements that are sent while no other is under way. */
    function countWaits(pool: pg.Pool): { count: number } {
      const waits = { count: 0 };
      pool.on('connect', (client) => {
        const query: (...args: unknown[]) => Promise<unknown> = client.query.bind(client);
        let active = 0;
        client.query = ((...args: unknown[]) => {
          if (active++ === 0) waits.count++;
          return query(...args).finally(() => active--);
        }) as typeof client.query;
      });
      return waits;
    }

    for (const [how, config, most] of [
      ['without pipelining', {}, 4],
      ['with pipelining', { pipeline: true }, 3],
    ] as const) {
      it(`at most ${most} times for an applied status with an effect of one statement, ${how}`, async () => {
        const { pay, pool } = shop((trx, txnid) => insert(trx, txnid, 1), config);
        const waits = countWaits(pool);
        // The first transaction tells whether the connections pipeline.
        await pay(await payment());
        for (let round = 0; round < 3; round++) {
          const txnid = await payment();
          waits.count = 0;
          expect(await pay(txnid)).to.equal(200);
          expect(waits.count).to.equal(most);
          expect(await stateOf(txnid)).to.equal('S 1');
          waits.count = 0;
          expect(await pay(txnid)).to.equal(200);
          expect(waits.count, 'for a duplicate').to.equal(1);
        }
      });
    }

    for (const deferrable of ['off', 'on']) {
      /** A shop whose next BEGIN is replaced, in a pool that pipelines. */
      async function replaceBegin(begin: (send: () => Promise<unknown>) => Promise<unknown>) {
        const { pay, pool } = shop((trx, txnid) => insert(trx, txnid, 1), {
          pipeline: true,
          options: `-c default_transaction_deferrable=${deferrable}`,
        });
        await pay(await payment());
        const [client] = (pool as unknown as { _clients: pg.Client[] })._clients;
        if (client === undefined) throw new Error('no client');
        const query: (...args: unknown[]) => Promise<unknown> = client.query.bind(client);
        const replaced = { count: 0 };
        client.query = ((...args: unknown[]) => {
          if (args[0] !== 'begin deferrable' || replaced.count > 0) return query(...args);
          replaced.count++;
          return begin(() => query(...args));
        }) as typeof client.query;
        return { pay, replaced };
      }
      const byDefault = `deferrable ${deferrable} by default`;

      it(`moves nothing where its BEGIN is overtaken, ${byDefault}`, async () => {
        const { pay, replaced } = await replaceBegin((send) => sleep(20).then(send));
        const txnid = await payment();
        expect(await pay(txnid)).to.equal(200);
        expect(replaced.count).to.equal(1);
        expect(await stateOf(txnid)).to.equal('S 1');
      });

      it(`moves nothing where its BEGIN fails, ${byDefault}`, async () => {
        const { pay, replaced } = await replaceBegin(async () => {
          await sleep(20);
          throw new Error('BEGIN failed');
        });
        const txnid = await payment();
        expect([await pay(txnid), await stateOf(txnid)]).to.deep.equal([503, 'P 0']);
        expect(replaced.count).to.equal(1);
        expect([await pay(txnid), await stateOf(txnid)]).to.deep.equal([200, 'S 1']);
      });
    }
  });
});
