import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type CompiledQuery, Kysely, Migrator, SqliteDialect, sql, type Transaction } from 'kysely';
import { generateTxnId } from '../../../src/index.js';
import { createMigrations, type DragonpayTables, KyselyRepository } from '../../../src/kysely.js';
import { SqliteTransaction } from '../../../src/repository/kysely/sqlite/transaction.js';
import { SqliteFileDialect, type SqliteFileHandle, sqliteDialect } from '../../../src/sqlite.js';
import { verifySigned } from '../../../src/testing/verify-signed.js';
import { createSqliteDatabase, isForKysely, openFile, type SqliteTestDatabase } from '../../support/sqlite.js';
import { openShop } from '../../support/working-shop.js';

type Tables = DragonpayTables & { orders: { txnid: string; line: number } };
type Trx = Transaction<Tables>;

describe('the transaction of a handler on SQLite', () => {
  let database: SqliteTestDatabase;
  let repository: KyselyRepository<DragonpayTables>;
  before(async () => {
    database = await createSqliteDatabase();
    repository = new KyselyRepository(database.db, { dialect: sqliteDialect });
    await sql`create table orders (txnid text not null, line integer not null, primary key (txnid, line))`.execute(
      database.db,
    );
  });
  after(() => database.destroy());

  /** An endpoint with its own handles, whose method does some work. */
  function shop(work: (trx: Trx, txnid: string, db: Kysely<Tables>) => unknown, given?: Kysely<DragonpayTables>) {
    const db = (given ?? database.connect()) as unknown as Kysely<Tables>;
    return { db, ...openShop<Tables>(db, (trx, txnid) => work(trx, txnid, db), 400, sqliteDialect) };
  }

  async function payment(): Promise<string> {
    const { txnid } = await repository.createPayment({ txnid: generateTxnId(), amount: '100.00' });
    return txnid;
  }

  const order = (trx: Kysely<Tables>, txnid: string, line = 1) =>
    trx.insertInto('orders').values({ txnid, line }).execute();

  const pragma = (handle: SqliteFileHandle | undefined, name: string) =>
    handle?.prepare(`pragma ${name}`).all()[0][name];

  /** The status of the payment, and the number of its orders. */
  async function stateOf(txnid: string): Promise<string> {
    const { rows } = await sql`select * from orders where txnid = ${txnid}`.execute(database.db);
    return `${(await repository.findPayment(txnid))?.status} ${rows.length}`;
  }

  it('is committed with everything that was written, in savepoints too', async () => {
    const { pay } = shop(async (trx, txnid) => {
      await Promise.all([order(trx, txnid, 1), order(trx, txnid, 2)]);
      await sql`savepoint more`.execute(trx);
      await order(trx, txnid, 3);
      await sql`rollback to more`.execute(trx);
      for await (const { line } of trx.selectFrom('orders').select('line').where('txnid', '=', txnid).stream()) {
        if (line === 1) break;
      }
    });
    const txnid = await payment();
    expect(await pay(txnid)).to.equal(200);
    expect(await stateOf(txnid)).to.equal('S 2');
  });

  for (const ending of ['commit', 'END', ' -- done\n commit', '/* x */ rollback', 'begin immediate']) {
    it(`refuses ${JSON.stringify(ending)} in a method, and nothing is stored`, async () => {
      const { pay, failures } = shop(async (trx, txnid) => {
        await order(trx, txnid);
        await sql.raw(ending).execute(trx);
      });
      const txnid = await payment();
      expect(await pay(txnid)).to.equal(500);
      expect(failures.join()).to.include('must not end or begin the transaction');
      expect(await stateOf(txnid)).to.equal('P 0');
    });
  }

  it('is rolled back where the method swallows that COMMIT was refused', async () => {
    const { pay } = shop(async (trx, txnid) => {
      await sql`commit`.execute(trx).catch(() => {});
      await order(trx, txnid).catch(() => {});
    });
    const txnid = await payment();
    expect(await pay(txnid)).to.equal(503);
    expect(await stateOf(txnid)).to.equal('P 0');
  });

  it('takes a change of the schema as any other write: rolled back with it', async () => {
    const { pay } = shop(async (trx) => {
      await sql`create table left_behind (a text)`.execute(trx);
      throw new Error('out of stock');
    });
    expect(await pay(await payment())).to.equal(500);
    const { rows } = await sql`select 1 from sqlite_master where name = 'left_behind'`.execute(database.db);
    expect(rows).to.have.length(0);
  });

  it('takes no query after a failed one that rolled it back, and stores nothing', async () => {
    const { pay } = shop(async (trx, txnid) => {
      await order(trx, txnid, 1);
      // SQLite ends the transaction here: the next write would commit by itself.
      await sql`insert or rollback into orders values (${txnid}, 1)`.execute(trx).catch(() => {});
      await order(trx, txnid, 2).catch(() => {});
    });
    const txnid = await payment();
    expect(await pay(txnid)).to.equal(503);
    expect(await stateOf(txnid)).to.equal('P 0');
    expect(await pay(await payment()), 'the handle is usable').to.equal(503);
  });

  it('goes on after a failed query that ROLLBACK TO a savepoint has undone', async () => {
    const { pay } = shop(async (trx, txnid) => {
      await order(trx, txnid, 1);
      await sql`savepoint attempt`.execute(trx);
      await order(trx, txnid, 1).catch(() => {});
      await sql`rollback to attempt`.execute(trx);
      await order(trx, txnid, 2);
    });
    const txnid = await payment();
    expect(await pay(txnid)).to.equal(200);
    expect(await stateOf(txnid)).to.equal('S 2');
  });

  it('is over at the deadline of the method, whose later writes store nothing', async () => {
    let late: Promise<unknown> = Promise.resolve();
    const { pay } = shop(async (trx, txnid) => {
      await order(trx, txnid);
      late = sleep(600).then(() => order(trx, txnid, 2).catch((error) => error.message));
      await late;
    });
    const txnid = await payment();
    expect(await pay(txnid)).to.equal(503);
    expect(await late).to.include('the transaction of this callback is over');
    expect(await stateOf(txnid)).to.equal('P 0');
  });

  it('lets the method read past it: what was committed before', async () => {
    const seen: unknown[] = [];
    const { pay } = shop(async (trx, txnid, db) => {
      const status = (from: Kysely<Tables>) =>
        from.selectFrom('dragonpay_transactions').select('status').where('txnid', '=', txnid).executeTakeFirst();
      seen.push((await status(trx))?.status, (await status(db))?.status);
    });
    expect(await pay(await payment())).to.equal(200);
    expect(seen).to.deep.equal(['S', 'P']);
  });

  it('refuses at once that the method writes past it: that would wait for itself', async () => {
    const { pay, failures } = shop((_trx, txnid, db) => order(db, txnid));
    const start = performance.now();
    const txnid = await payment();
    expect(await pay(txnid)).to.equal(500);
    expect(performance.now() - start).to.be.below(300);
    expect(failures.join()).to.include('the method holds the write lock of the file');
    expect(await stateOf(txnid)).to.equal('P 0');
  });

  it('is waited for by other writes of this process and of others, which do not fail', async () => {
    const { db, pay } = shop(() => sleep(200));
    const other = shop(() => {});
    const txnid = await payment();
    const answered = pay(txnid);
    await sleep(50);
    const start = performance.now();
    const write = (one: Kysely<Tables>) => order(one, generateTxnId());
    await Promise.all([write(db), write(other.db), payment(), other.pay(await payment())]);
    expect(performance.now() - start).to.be.above(100);
    expect(await answered).to.equal(200);
  });

  it('does not block the event loop of a process that waits for it', async () => {
    const { pay } = shop(() => sleep(300));
    const other = database.connect();
    const answered = pay(await payment());
    await sleep(50);
    let longest = 0;
    let last = performance.now();
    const beat = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 5);
    await new KyselyRepository(other, { dialect: sqliteDialect }).createPayment({
      txnid: generateTxnId(),
      amount: '1',
    });
    clearInterval(beat);
    expect(longest).to.be.below(150);
    expect(await answered).to.equal(200);
  });

  it('gives up with SQLITE_BUSY after busyMilliseconds, and the handle is usable after that', async () => {
    const impatient = database.connect({ busyMilliseconds: 50 }) as unknown as Kysely<Tables>;
    const { pay } = shop(() => sleep(300));
    const answered = pay(await payment());
    await sleep(50);
    const [one, other] = await Promise.allSettled([1, 2].map((line) => order(impatient, generateTxnId(), line)));
    for (const result of [one, other]) {
      expect(result?.status === 'rejected' && sqliteDialect.isTransient(result.reason)).to.equal(true);
    }
    expect(await answered).to.equal(200);
    const txnid = generateTxnId();
    await order(impatient, txnid);
    expect(await stateOf(txnid)).to.match(/ 1$/);
    // After the refused writes, nothing holds the lock.
    await order(database.connect() as unknown as Kysely<Tables>, txnid, 2);
  });

  it('begins with the write lock, in transactions of your own too: a read first loses no write', async () => {
    const [one, other] = [database.connect(), database.connect()] as unknown as Kysely<Tables>[];
    const txnid = generateTxnId();
    await order(database.db as unknown as Kysely<Tables>, txnid, 0);
    const increment = (db: Kysely<Tables> | undefined) =>
      db?.transaction().execute(async (trx) => {
        const { line } = await trx
          .selectFrom('orders')
          .select('line')
          .where('txnid', '=', txnid)
          .executeTakeFirstOrThrow();
        await sleep(5);
        await trx
          .updateTable('orders')
          .set({ line: line + 1 })
          .where('txnid', '=', txnid)
          .execute();
      });
    await Promise.all(Array.from({ length: 10 }, (_, index) => increment(index % 2 === 0 ? one : other)));
    const { rows } = await sql<{ line: number }>`select line from orders where txnid = ${txnid}`.execute(database.db);
    expect(rows).to.deep.equal([{ line: 10 }]);
  });

  describe('counts its statements:', () => {
    const statements: string[] = [];
    let counted: Kysely<DragonpayTables>;
    before(async () => {
      counted = database.connect({ open: () => counting(openFile(database.file)) });
      await sql`select 1`.execute(counted);
      await sql`delete from orders where txnid = ''`.execute(counted);
    });
    beforeEach(() => statements.splice(0));

    function counting(handle: SqliteFileHandle): SqliteFileHandle {
      return {
        close: () => handle.close(),
        prepare(text) {
          const statement = handle.prepare(text);
          const note = () => statements.push(/^\/\* (\S+)/.exec(text)?.[1] ?? text.split(' ')[0] ?? '');
          return {
            ...(statement.reader !== undefined && { reader: statement.reader }),
            columns: () => statement.columns?.() ?? [],
            all: (...values) => {
              note();
              return statement.all(...values);
            },
            run: (...values) => {
              note();
              return statement.run(...values);
            },
          };
        },
      };
    }

    const own = (...inner: string[]) => ['begin', ...inner.map((name) => `dragonpay-${name}`), 'commit'];

    it('a move costs five, also of many callbacks at once; four where the row stays', async () => {
      const counting = new KyselyRepository(counted, { dialect: sqliteDialect });
      const { pay } = shop(() => {}, counted);
      const txnid = await payment();
      const callback = await verifySigned({ txnid, refno: 'R-1', status: 'S', message: '' });
      await counting.store(callback);
      expect(statements.splice(0)).to.deep.equal(own('payment-read', 'payment-move', 'record'));
      await counting.store(callback);
      expect(statements.splice(0)).to.deep.equal(own('payment-read', 'record'));
      const many = await Promise.all([1, 2, 3, 4].map(() => payment()));
      const callbacks = await Promise.all(
        many.map((txnid) => verifySigned({ txnid, refno: 'R-1', status: 'S', message: '' })),
      );
      await Promise.all(callbacks.map((one) => counting.store(one)));
      expect(statements.splice(0), 'of four').to.deep.equal(own('payment-read', 'payment-move', 'record'));
      expect(await pay(await payment())).to.equal(200);
      expect(statements.splice(0), 'with a method').to.deep.equal(own('payment-read', 'payment-move', 'record'));
    });
  });

  describe('begins too late while another process has the write lock:', () => {
    let other: SqliteFileHandle;
    beforeEach(() => {
      other = openFile(database.file);
      other.prepare('begin immediate').run();
    });
    afterEach(() => {
      other.prepare('rollback').run();
      other.close();
    });

    const signed = (txnid: string) => verifySigned({ txnid, refno: 'R-1', status: 'S', message: '' });
    const failure = (stored: Promise<unknown>) =>
      stored.then(
        () => 'stored',
        ({ message }: Error) => message,
      );

    it('nothing is stored for a callback that was answered meanwhile', async () => {
      const db = database.connect();
      const late = new KyselyRepository(db, { dialect: sqliteDialect });
      for (const effect of [undefined, { milliseconds: 5_000, run: async () => expect.fail('it ran') }]) {
        const txnid = await unlocked(payment);
        const milliseconds = 200 + (effect?.milliseconds ?? 0);
        const stored = failure(late.store(await signed(txnid), effect, { milliseconds }));
        await sleep(400);
        other.prepare('rollback').run();
        expect(await stored).to.match(/locked by another transaction|was not sent to the database in time/);
        expect(await stateOf(txnid)).to.equal('P 0');
        expect(await repository.callbacks({ txnid })).to.deep.equal([]);
        other.prepare('begin immediate').run();
      }
    });

    async function unlocked<Result>(run: () => Promise<Result>): Promise<Result> {
      other.prepare('rollback').run();
      const result = await run();
      other.prepare('begin immediate').run();
      return result;
    }
  });

  it('is tried again after a deadlock until its time is over, and rejects with that error', async () => {
    let tries = 0;
    const dialect: typeof sqliteDialect = {
      ...sqliteDialect,
      isTransient: (error) => (error as Error).message === 'deadlock',
      statements: (names) => ({
        ...sqliteDialect.statements(names),
        beginWithMove: async (_, taken) => {
          tries++;
          taken.release();
          throw new Error('deadlock');
        },
      }),
    };
    const deadlocked = new KyselyRepository(database.connect(), { dialect });
    const callback = await verifySigned({ txnid: await payment(), refno: 'R-1', status: 'S', message: '' });
    const effect = { milliseconds: 5_000, run: async () => {} };
    const stored = deadlocked.store(callback, effect, { milliseconds: 5_300 });
    expect(await stored.catch(({ message }: Error) => message)).to.equal('deadlock');
    expect(tries).to.be.above(1);
  });

  it('is one of several connections, so that Kysely 0.29 does not lend one at a time', () => {
    const adapter: object = new SqliteFileDialect({ open: () => openFile(database.file) }).createAdapter();
    expect(adapter).to.include({ supportsMultipleConnections: true });
  });

  it('is durable with a handle of another dialect that was not', async function () {
    if (!isForKysely) this.skip();
    const handle = openFile(database.file);
    handle.prepare('pragma synchronous = normal').run();
    const db = new Kysely<DragonpayTables>({ dialect: new SqliteDialect({ database: handle as never }) });
    const { pay } = shop(() => {}, db);
    expect(await pay(await payment())).to.equal(200);
    expect(pragma(handle, 'synchronous')).to.equal(3);
    handle.prepare('pragma synchronous = off').run();
    expect(await pay(await payment()), 'set back by other code').to.equal(200);
    expect(pragma(handle, 'synchronous')).to.equal(3);
    await db.destroy();
  });

  it('is rolled back when the query that is under way has ended', async () => {
    const sent: string[] = [];
    let end = () => {};
    const connection = {
      executeQuery: ({ sql }: CompiledQuery) => {
        sent.push(sql);
        const result = { rows: [] };
        return sql === 'select 1' ? new Promise((resolve) => (end = () => resolve(result))) : Promise.resolve(result);
      },
    };
    const own = await SqliteTransaction.begin(database.db, { connection: connection as never, release() {} });
    const running = own.run(async (trx) => void (await sql`select 1`.execute(trx)));
    while (!sent.includes('select 1')) await sleep(1);
    const rolledBack = own.rollBack();
    await sleep(5);
    expect(sent).not.to.include('rollback');
    end();
    await Promise.all([running, rolledBack]);
    expect(sent.at(-1)).to.equal('rollback');
  });

  for (const mode of ['off', 'memory']) {
    it(`rolls back with a handle of another dialect whose journal_mode was ${mode}`, async function () {
      if (!isForKysely) this.skip();
      const folder = await mkdtemp(join(tmpdir(), 'dragonpay-sqlite-'));
      const handle = openFile(join(folder, 'shop.db'));
      const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: handle as never }) });
      const migrations = createMigrations({ dialect: sqliteDialect });
      await new Migrator({ db, provider: migrations, ...migrations }).migrateToLatest();
      await sql`create table orders (txnid text not null, line integer not null)`.execute(db);
      handle.prepare(`pragma journal_mode = ${mode}`).all();
      const made = new KyselyRepository<Tables>(db, { dialect: sqliteDialect });
      const txnid = (await made.createPayment({ txnid: generateTxnId(), amount: '100.00' })).txnid;
      const callback = await verifySigned({ txnid, refno: 'R-1', status: 'S', message: '' });
      const failing = made.store(callback, {
        milliseconds: 1_000,
        run: async (_, trx) => {
          await order(trx, txnid);
          throw new Error('the effect failed');
        },
      });
      expect(await failing.catch(({ message }: Error) => message)).to.equal('the effect failed');
      expect((await made.findPayment(txnid))?.status).to.equal('P');
      expect(await db.selectFrom('orders').selectAll().execute()).to.deep.equal([]);
      expect(pragma(handle, 'journal_mode')).to.equal('delete');
      await db.destroy();
      await rm(folder, { recursive: true });
    });
  }

  it('is durable with SqliteFileDialect, whose handles are open twice', async () => {
    const handles: SqliteFileHandle[] = [];
    const open = () => {
      const handle = openFile(database.file);
      handle.prepare('pragma synchronous = normal').run();
      handles.push(handle);
      return handle;
    };
    const db = new Kysely<DragonpayTables>({ dialect: new SqliteFileDialect({ open }) });
    const { pay } = shop(() => {}, db);
    expect(await pay(await payment())).to.equal(200);
    await sql`select 1`.execute(db);
    expect(handles.map((handle) => pragma(handle, 'synchronous'))).to.deep.equal([3, 3]);
    expect(pragma(handles[0], 'journal_mode')).to.equal('wal');
    await db.destroy();
    const same = new Kysely<DragonpayTables>({ dialect: new SqliteFileDialect({ open: () => handles[0] as never }) });
    const error = await sql`select 1`.execute(same).catch((reason: unknown) => reason);
    expect((error as Error).message).to.include('open must open the file anew each time');
  });
});
