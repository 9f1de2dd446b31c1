import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type CompiledQuery, Kysely, MysqlDialect, sql, type Transaction } from 'kysely';
import type { Pool } from 'mysql2';
import { generateTxnId } from '../../../src/index.js';
import { type DragonpayTables, KyselyRepository } from '../../../src/kysely.js';
import { mysqlDialect } from '../../../src/mysql.js';
import { MysqlTransaction } from '../../../src/repository/kysely/mysql/transaction.js';
import {
  createMysqlDatabase,
  describeOnMariadb,
  type MysqlTestDatabase,
  mysqlPool,
} from '../../support/mysql-database.js';
import { openShop } from '../../support/working-shop.js';

type Database = DragonpayTables & { orders: { txnid: string; line: number }; stock: { id: number; count: number } };
type Trx = Transaction<Database>;

describe('KILL for a transaction of MariaDB that takes too long', () => {
  const sent: string[] = [];
  /** Gives the connection that KILL is sent on. */
  let give = () => {};
  let finishKill = () => {};
  let released = false;
  beforeEach(() => {
    sent.length = 0;
    released = false;
  });

  async function slowTransaction(): Promise<MysqlTransaction<unknown>> {
    const other = {
      executeQuery: ({ sql }: CompiledQuery) => {
        sent.push(sql);
        return new Promise<void>((resolve) => {
          finishKill = resolve;
        });
      },
    };
    const provideConnection = (consumer: (connection: unknown) => Promise<void>) =>
      new Promise<void>((resolve) => {
        give = () => resolve(consumer(other));
      });
    const taken = {
      connection: { executeQuery: async ({ sql }: CompiledQuery) => void sent.push(sql) },
      release: () => {
        released = true;
      },
    };
    const own = await MysqlTransaction.open({ getExecutor: () => ({ provideConnection }) } as never, taken as never);
    own.identify('7');
    own.endQueryAfter(1);
    await sleep(20);
    return own;
  }

  it('is not sent when the transaction ended before there was a connection for it', async () => {
    const own = await slowTransaction();
    await own.rollBack();
    give();
    await sleep(1);
    expect(sent).to.deep.equal(['begin', 'rollback']);
    expect(released).to.equal(true);
  });

  it('has hit before the connection of the transaction serves others', async () => {
    const own = await slowTransaction();
    give();
    await sleep(1);
    await own.rollBack();
    await sleep(1);
    expect(sent).to.deep.equal(['begin', 'kill query 7', 'rollback']);
    expect(released).to.equal(false);
    finishKill();
    await sleep(1);
    expect(released).to.equal(true);
  });
});

describeOnMariadb('the transaction of a handler on MariaDB', () => {
  let database: MysqlTestDatabase;
  const pools: Kysely<Database>[] = [];

  before(async function () {
    this.timeout(30_000);
    database = await createMysqlDatabase();
    await database.query('create table orders (txnid varchar(40), line integer, unique (txnid, line))');
    await database.query('create table stock (id integer primary key, count integer)');
    await database.query('create procedure commits() commit');
    await database.query('create procedure looks() select 1');
  });
  beforeEach(async () => {
    await database.query('truncate stock');
    await database.query('insert into stock values (1, 0), (2, 0)');
  });
  afterEach(async () => {
    for (const db of pools.splice(0)) await db.destroy();
  });
  after(() => database?.destroy());

  /** A pool, and an endpoint whose method does some work. */
  function shop(work: (trx: Trx, txnid: string) => unknown, connectionLimit = 4) {
    const pool = mysqlPool(database.url, { connectionLimit });
    const db = new Kysely<Database>({ dialect: new MysqlDialect({ pool }) });
    pools.push(db);
    return { pool, db, ...openShop(db, work, 400, mysqlDialect) };
  }

  async function payment(): Promise<string> {
    const repository = new KyselyRepository(database.db, { dialect: mysqlDialect });
    return (await repository.createPayment({ txnid: generateTxnId(), amount: '1.00' })).txnid;
  }

  async function stateOf(txnid: string): Promise<string> {
    const [row] = await database.query(
      'select status, (select count(*) from orders o where o.txnid = t.txnid) as n from dragonpay_transactions t where txnid = ?',
      [txnid],
    );
    return `${row?.status} ${row?.n}`;
  }

  const insert = (trx: Trx, txnid: string, line: number) => trx.insertInto('orders').values({ txnid, line }).execute();

  /** Whether every connection of a pool is free and outside of a transaction. */
  async function expectFree(pool: Pool): Promise<void> {
    const { _allConnections: all, _freeConnections: free } = pool as unknown as Record<string, { length: number }>;
    for (let tries = 0; tries < 100 && all?.length !== free?.length; tries++) await sleep(10);
    expect(free?.length).to.equal(all?.length);
    const rows = await database.query(
      `select trx_id from information_schema.innodb_trx
       join information_schema.processlist on id = trx_mysql_thread_id where db = database()`,
    );
    expect(rows).to.deep.equal([]);
  }

  it('is committed where all queries are awaited, also many at once, a savepoint and a stream', async () => {
    const { pay, pool } = shop(async (trx, txnid) => {
      await Promise.all([1, 2, 3].map((line) => insert(trx, txnid, line)));
      await sql`savepoint here`.execute(trx);
      await insert(trx, txnid, 4);
      await sql`rollback to savepoint here`.execute(trx);
      for await (const { id } of trx.selectFrom('stock').selectAll().stream()) expect(id).to.be.oneOf([1, 2]);
      await sql`call looks()`.execute(trx);
    });
    const txnid = await payment();
    expect([await pay(txnid), await stateOf(txnid)]).to.deep.equal([200, 'S 3']);
    await expectFree(pool);
  });

  const ending: Readonly<Record<string, readonly [status: number, state: string, statement: string]>> = {
    COMMIT: [500, 'P 0', 'commit'],
    'COMMIT behind a comment': [500, 'P 0', '/* my own */ -- and mine\n commit'],
    ROLLBACK: [500, 'P 0', 'ROLLBACK'],
    'CREATE TABLE': [500, 'P 0', 'create table made_by_a_method (id integer)'],
    TRUNCATE: [500, 'P 0', 'truncate table stock'],
    'LOCK TABLES': [500, 'P 0', 'lock tables stock read'],
    'ANALYZE TABLE': [500, 'P 0', 'analyze table stock'],
    'COMMIT in a comment that the server runs': [500, 'P 0', '/*!50000 commit */'],
    'COMMIT behind a comment that starts with M': [500, 'P 0', '/*Mine*/ commit'],
    // These statements cannot be recognized before they run: the move is committed together with the earlier writes.
    'a procedure that commits': [503, 'S 1', 'call commits()'],
    'a text that is a COMMIT': [503, 'S 1', "execute immediate 'commit'"],
  };
  for (const [name, [status, state, statement]] of Object.entries(ending)) {
    it(`is found out where the method ends it by ${name}`, async () => {
      const { pay, db } = shop(async (trx, txnid) => {
        await insert(trx, txnid, 1);
        await sql.raw(statement).execute(trx);
      });
      const txnid = await payment();
      expect(await pay(txnid)).to.equal(status);
      expect(await stateOf(txnid)).to.equal(state);
      await db.destroy();
    });
  }

  it('is rolled back, and answered 503, where the method swallows a failed query', async () => {
    const { pay, failures } = shop(async (trx, txnid) => {
      await insert(trx, txnid, 1);
      await insert(trx, txnid, 1).catch(() => {});
    });
    const txnid = await payment();
    expect([await pay(txnid), await stateOf(txnid)]).to.deep.equal([503, 'P 0']);
    expect(failures.join()).to.match(/a query in the transaction failed/);
  });

  it('goes on from a savepoint of the method after a failed query', async () => {
    const { pay } = shop(async (trx, txnid) => {
      await insert(trx, txnid, 1);
      await sql`savepoint here`.execute(trx);
      await insert(trx, txnid, 1).catch(() => sql`rollback to here`.execute(trx));
      await insert(trx, txnid, 2);
    });
    const txnid = await payment();
    expect([await pay(txnid), await stateOf(txnid)]).to.deep.equal([200, 'S 2']);
  });

  /** Makes a deadlock whose victim is the transaction of the method, because it has written less than the other one. */
  async function deadlock(trx: Trx, together = async () => {}): Promise<void> {
    const other = await database.pool.promise().getConnection();
    try {
      await other.query('begin');
      await other.query('insert into stock select seq + 100, 0 from seq_1_to_200');
      await other.query('update stock set count = 1 where id = 2');
      await sql`update stock set count = 1 where id = 1`.execute(trx);
      const waiting = other.query('update stock set count = 1 where id = 1');
      await sleep(50);
      const victim = sql`update stock set count = 2 where id = 2`.execute(trx);
      await Promise.allSettled([victim, together(), waiting]);
      await victim;
    } finally {
      await other.query('rollback');
      other.release();
    }
  }

  it('keeps nothing that a method writes after a deadlock that it swallowed, and runs it again', async () => {
    let runs = 0;
    let swallowed: unknown;
    const { pay, pool } = shop(async (trx, txnid) => {
      if (runs++ === 0) {
        await deadlock(trx).catch((error: unknown) => {
          swallowed = error;
        });
        await insert(trx, txnid, 1).catch(() => {});
        await sql`rollback to savepoint dragonpay_transaction`.execute(trx).catch(() => {});
        await insert(trx, txnid, 2).catch(() => {});
      } else {
        await insert(trx, txnid, 3);
      }
    });
    const txnid = await payment();
    expect(await pay(txnid)).to.equal(200);
    expect(swallowed).to.include({ errno: 1213 });
    expect(runs).to.equal(2);
    expect(await database.query('select line from orders where txnid = ?', [txnid])).to.deep.equal([{ line: 3 }]);
    await expectFree(pool);
  });

  it('keeps nothing of a query that was sent together with one that fell to a deadlock', async () => {
    let runs = 0;
    const { pay } = shop(async (trx, txnid) => {
      if (runs++ === 0) await deadlock(trx, () => insert(trx, txnid, 1).then(() => {})).catch(() => {});
      else await insert(trx, txnid, 3);
    });
    const txnid = await payment();
    expect(await pay(txnid)).to.equal(200);
    expect(await database.query('select line from orders where txnid = ?', [txnid])).to.deep.equal([{ line: 3 }]);
  });

  it('is ended past the deadline while a query runs, and keeps its connection', async () => {
    const { pay, pool } = shop((trx) => sql`select sleep(30)`.execute(trx));
    const txnid = await payment();
    const startedAt = performance.now();
    expect([await pay(txnid), await stateOf(txnid)]).to.deep.equal([503, 'P 0']);
    expect(performance.now() - startedAt).to.be.below(2_000);
    await expectFree(pool);
    const [rows] = await pool.promise().query('select 1 as one');
    expect(rows).to.deep.equal([{ one: 1 }]);
  });

  it('is ended past the deadline while it waits for a lock, and leaves the lock to the other', async () => {
    const other = await database.pool.promise().getConnection();
    await other.query('begin');
    await other.query('update stock set count = 5 where id = 1');
    const { pay, pool } = shop((trx) => sql`update stock set count = 1 where id = 1`.execute(trx));
    const txnid = await payment();
    expect([await pay(txnid), await stateOf(txnid)]).to.deep.equal([503, 'P 0']);
    await other.query('commit');
    other.release();
    await expectFree(pool);
    expect(await database.query('select count from stock where id = 1')).to.deep.equal([{ count: 5 }]);
  });
});
