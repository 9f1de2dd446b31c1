import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import pg from 'pg';
import {
  type AppliedUpdate,
  type Callback,
  DragonpayCallback,
  generateTxnId,
  OnGet,
  OnPost,
  OnStatus,
  type RecordedUpdate,
  type StatusEffect,
} from '../../../src/index.js';
import {
  type DragonpayTables,
  KyselyRepository,
  type KyselyRepositoryOptions,
  type StoredCallback,
  withNamedStatements,
} from '../../../src/kysely.js';
import { verifySigned } from '../../../src/testing/verify-signed.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { dispatchForged, dispatchSigned, testEndpoint } from '../../support/dispatch-signed.js';

interface Orders {
  txnid: string;
  paid: boolean;
}
type Database = DragonpayTables & { orders: Orders };
type Repository = KyselyRepository<Database>;
type Effect = StatusEffect<Transaction<Database>>;

const refno = 'R-1';

/** A pool, its repository and the statements that it sends. */
class Connected {
  readonly pool: pg.Pool;
  readonly db: Kysely<Database>;
  /** The texts of the statements, in order. */
  readonly statements: string[] = [];
  /** How often the server reported that it is ready for the next query: the number of round trips. */
  roundTrips = 0;
  /** Called before a statement is sent. */
  beforeStatement: (text: string) => Promise<void> = async () => {};

  constructor(config: pg.PoolConfig) {
    this.pool = new pg.Pool(config);
    this.pool.on('error', () => {});
    this.pool.on('connect', (client) => {
      const { connection } = client as unknown as { connection: NodeJS.EventEmitter };
      connection.on('readyForQuery', () => this.roundTrips++);
      const query: (...args: unknown[]) => unknown = client.query.bind(client);
      client.query = ((...args: unknown[]) => {
        const [statement] = args as [string | { text: string }];
        const text = typeof statement === 'string' ? statement : statement.text;
        this.statements.push(text);
        return this.beforeStatement(text).then(() => query(...args));
      }) as typeof client.query;
    });
    const pool = withNamedStatements(this.pool);
    this.db = new Kysely({ dialect: new PostgresDialect({ pool }) });
  }

  repository(options: KyselyRepositoryOptions = {}): Repository {
    return new KyselyRepository<Database>(this.db, options);
  }
}

describe('KyselyRepository on PostgreSQL', () => {
  let database: TestDatabase;
  let connected: Connected;
  let repository: Repository;
  /** A session of another program. */
  let other: pg.Client;
  const opened: Connected[] = [];

  function connect(config: pg.PoolConfig = {}): Connected {
    const made = new Connected({ connectionString: database.url, max: 10, ...config });
    opened.push(made);
    return made;
  }

  before(async () => {
    database = await createTestDatabase();
    connected = connect();
    repository = connected.repository();
    await sql`create table orders (txnid varchar(40) primary key references dragonpay_transactions, paid boolean)`.execute(
      connected.db,
    );
  });

  beforeEach(async () => {
    other = new pg.Client({ connectionString: database.url });
    other.on('error', () => {});
    await other.connect();
  });

  afterEach(async () => {
    await other.end();
    while (opened.length > 1) await opened.pop()?.db.destroy();
    for (const cleanUp of cleanUps.splice(0)) await sql.raw(cleanUp).execute(connected.db);
  });

  after(async () => {
    await connected.db.destroy();
    await database.destroy();
  });

  const cleanUps: string[] = [];

  /** Runs DDL, and undoes it after the test. */
  async function ddl(statement: string, cleanUp: string): Promise<void> {
    await sql.raw(statement).execute(connected.db);
    cleanUps.push(cleanUp);
  }

  async function payment(): Promise<string> {
    return (await repository.createPayment({ txnid: generateTxnId(), amount: '100.00' })).txnid;
  }

  async function tell(txnid: string, status: string, effect?: Effect, by = repository): Promise<RecordedUpdate> {
    return by.store(await verifySigned({ txnid, refno, status, message: '' }), effect);
  }

  async function statusOf(txnid: string): Promise<string | undefined> {
    return (await repository.findPayment(txnid))?.status;
  }

  function effect(run: (trx: Transaction<Database>) => Promise<unknown>, milliseconds = 10_000): Effect {
    return {
      milliseconds,
      run: async (_update, trx) => {
        await run(trx);
      },
    };
  }

  const insertOrder = (txnid: string) =>
    effect((trx) => trx.insertInto('orders').values({ txnid, paid: true }).execute());

  async function orderOf(txnid: string): Promise<unknown> {
    return connected.db.selectFrom('orders').selectAll().where('txnid', '=', txnid).executeTakeFirst();
  }

  async function rejection(promise: Promise<unknown>): Promise<Error & { code?: string }> {
    try {
      await promise;
    } catch (error) {
      return error as Error;
    }
    throw new Error('it did not reject');
  }

  /** Checks that a failed move left nothing: no status, no event, no order, no open transaction, no lost connection. */
  async function expectNothingOf(txnid: string, { pool }: Connected = connected): Promise<void> {
    expect(await statusOf(txnid)).to.equal('P');
    expect(await repository.callbacks({ txnid })).to.deep.equal([]);
    expect(await orderOf(txnid)).to.equal(undefined);
    for (let tries = 0; tries < 100 && pool.idleCount < pool.totalCount; tries++) await sleep(5);
    expect(pool.waitingCount).to.equal(0);
    expect(pool.idleCount, 'every connection is back, or gone').to.equal(pool.totalCount);
    const { rows } = await pool.query(
      // Autovacuum of the server may also be active in the database.
      `select state, query from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
         and (xact_start is not null or state <> 'idle')`,
    );
    expect(rows).to.deep.equal([]);
  }

  async function applies(txnid: string, status = 'S'): Promise<void> {
    expect(await tell(txnid, status, insertOrder(txnid))).to.include({ outcome: 'applied' });
    expect(await orderOf(txnid)).to.deep.equal({ txnid, paid: true });
  }

  /** Resolves when something waits for a lock in the database, or sleeps there. */
  async function untilWaiting(event: string): Promise<void> {
    for (let tries = 0; tries < 500; tries++) {
      const { rows } = await database.pool.query(
        'select from pg_stat_activity where datname = current_database() and wait_event = $1',
        [event],
      );
      if (rows.length > 0) return;
      await sleep(5);
    }
    throw new Error(`nothing waits for ${event}`);
  }

  describe('counts its statements:', () => {
    @DragonpayCallback()
    class Plain {
      @OnPost() post() {}
      @OnGet() get() {}
    }

    @DragonpayCallback({ updateOnGet: true })
    class UpdatingOnGet {
      @OnGet() get() {}
    }

    @DragonpayCallback()
    class Shipping {
      @OnStatus('S') async ship({ trx, data: { txnid } }: StoredCallback<'S', Database>) {
        await trx.insertInto('orders').values({ txnid, paid: true }).execute();
      }
    }

    @DragonpayCallback()
    class Showing {
      @OnGet() async get(callback: Callback) {
        return callback.valid ? (await callback.stored())?.status : undefined;
      }
    }

    let counted: Connected;

    beforeEach(async () => {
      counted = connect();
      // The connection is open, and its first messages have been exchanged.
      await sql`select 1`.execute(counted.db);
      counted.statements.length = 0;
      counted.roundTrips = 0;
    });

    const endpointOf = (Handler: new () => object) =>
      testEndpoint(Handler, { repository: counted.repository(), limits: { earlyMilliseconds: 0 } });

    function expectRoundTrips(count: number): void {
      expect(counted.statements).to.have.length(count);
      expect(counted.roundTrips).to.equal(count);
      counted.statements.length = 0;
      counted.roundTrips = 0;
    }

    it('a postback costs one, whatever becomes of it', async () => {
      const endpoint = endpointOf(Plain);
      const txnid = await payment();
      const told: string[] = [];
      for (const fields of [
        { txnid, status: 'P' },
        { txnid, status: 'P' },
        { txnid, status: 'S', amount: '1.00' },
        { txnid, status: 'S' },
        { txnid, status: 'F' },
        { txnid, status: 'D' },
        { txnid: generateTxnId(), status: 'S' },
        { merchantTxnId: generateTxnId(), status: 'S' },
      ]) {
        const { body } = await dispatchSigned(endpoint, { refno, message: '', ...fields });
        expect(body).to.equal('result=OK');
        expect(counted.statements[0]).to.match(/^\/\* dragonpay-(?:payment|payout)-move \*\//);
        expectRoundTrips(1);
      }
      for (const { outcome } of await repository.callbacks({ txnid })) told.push(outcome);
      expect(told).to.have.members(['applied', 'applied', 'stale', 'unrecognized']);
    });

    it('a GET that stores nothing costs none', async () => {
      const endpoint = endpointOf(Plain);
      await dispatchSigned(endpoint, { txnid: await payment(), refno, status: 'S', message: '' }, 'GET');
      expectRoundTrips(0);
    });

    it('a GET whose handler looks the row up costs one', async () => {
      const fields = { txnid: await payment(), refno, status: 'S', message: '' };
      expect((await dispatchSigned(endpointOf(Showing), fields, 'GET')).body).to.equal('P');
      expectRoundTrips(1);
    });

    it('a GET that stores costs one', async () => {
      const txnid = await payment();
      await dispatchSigned(endpointOf(UpdatingOnGet), { txnid, refno, status: 'S', message: '' }, 'GET');
      expectRoundTrips(1);
      expect(await statusOf(txnid)).to.equal('S');
    });

    it('a forged callback costs none', async () => {
      expect((await dispatchForged(endpointOf(Plain))).status).to.equal(400);
      expect((await dispatchForged(endpointOf(UpdatingOnGet), 'GET')).status).to.equal(400);
      expectRoundTrips(0);
    });

    it('a postback costs one where a handler waits for another status, or has been called already', async () => {
      const endpoint = endpointOf(Shipping);
      const txnid = await payment();
      await dispatchSigned(endpoint, { txnid, refno, status: 'P', message: '' });
      expectRoundTrips(1);
      await dispatchSigned(endpoint, { txnid, refno, status: 'S', message: '' });
      // BEGIN, the move, the effect, COMMIT.
      expectRoundTrips(4);
      expect(await orderOf(txnid)).to.deep.equal({ txnid, paid: true });
      counted.statements.length = counted.roundTrips = 0;
      await dispatchSigned(endpoint, { txnid, refno, status: 'S', message: '' });
      expectRoundTrips(1);
    });

    it('postbacks that arrive together share them', async () => {
      const endpoint = endpointOf(Plain);
      const txnids = await Promise.all(Array.from({ length: 40 }, payment));
      await Promise.all(txnids.map((txnid) => dispatchSigned(endpoint, { txnid, refno, status: 'S', message: '' })));
      expect(counted.roundTrips).to.be.below(10);
      for (const txnid of txnids) expect(await statusOf(txnid)).to.equal('S');
    });
  });

  describe('meets a row that another session has locked:', () => {
    it('it waits without a connection, and moves the row when it is free', async () => {
      const small = connect({ max: 1 });
      const txnid = await payment();
      await other.query('begin');
      await other.query('select from dragonpay_transactions where txnid = $1 for update', [txnid]);
      let isOver = false;
      const told = Promise.all([
        tell(txnid, 'P', undefined, small.repository()),
        tell(txnid, 'S', insertOrder(txnid), small.repository()),
      ]).finally(() => {
        isOver = true;
      });
      for (let query = 0; query < 10; query++) {
        // Waits until the only connection of the pool is free.
        const startedAt = performance.now();
        await small.pool.query('select 1');
        expect(performance.now() - startedAt).to.be.below(2_500);
        await sleep(20);
      }
      expect(isOver).to.equal(false);
      await other.query('commit');
      const outcomes = (await told).map(({ outcome }) => outcome);
      expect(outcomes[1]).to.equal('applied');
      expect(outcomes[0]).to.be.oneOf(['applied', 'stale']);
      expect(await statusOf(txnid)).to.equal('S');
    });

    it('past its time it rejects, and leaves no trace', async () => {
      const impatient = connected.repository({ busyMilliseconds: 100 });
      const txnid = await payment();
      await other.query('begin');
      await other.query('select from dragonpay_transactions where txnid = $1 for no key update', [txnid]);
      const startedAt = performance.now();
      expect((await rejection(tell(txnid, 'S', undefined, impatient))).message).to.match(/locked/);
      expect((await rejection(tell(txnid, 'S', insertOrder(txnid), impatient))).message).to.match(/locked/);
      expect(performance.now() - startedAt).to.be.below(4_000);
      await other.query('rollback');
      await expectNothingOf(txnid);
      await applies(txnid);
    });

    it('without time for waiting it stores what is free, and rejects at once', async () => {
      const hasty = connected.repository({ busyMilliseconds: 0 });
      const [locked, free] = [await payment(), await payment()];
      await other.query('begin');
      await other.query('select from dragonpay_transactions where txnid = $1 for no key update', [locked]);
      const startedAt = performance.now();
      expect((await rejection(tell(locked, 'S', undefined, hasty))).message).to.match(/locked/);
      expect(performance.now() - startedAt).to.be.below(1_000);
      expect(await tell(free, 'S', undefined, hasty)).to.include({ outcome: 'applied' });
      await other.query('rollback');
      expect(await tell(locked, 'S', insertOrder(locked), hasty)).to.include({ outcome: 'applied' });
    });

    it('callbacks of other rows go on, also in the same batch', async () => {
      const locked = await payment();
      const free = await Promise.all(Array.from({ length: 5 }, payment));
      await other.query('begin');
      await other.query('select from dragonpay_transactions where txnid = $1 for update', [locked]);
      const waiting = tell(locked, 'S');
      for (const { outcome } of await Promise.all(free.map((txnid) => tell(txnid, 'S')))) {
        expect(outcome).to.equal('applied');
      }
      await other.query('rollback');
      expect((await waiting).outcome).to.equal('applied');
    });

    it('a row that a child of it refers to is not locked', async () => {
      const impatient = connected.repository({ busyMilliseconds: 100 });
      const txnid = await payment();
      await other.query('begin');
      await other.query('insert into orders values ($1, false)', [txnid]);
      expect(await tell(txnid, 'P', undefined, impatient)).to.include({ outcome: 'applied' });
      expect(
        await tell(
          txnid,
          'S',
          effect(async () => {}),
          impatient,
        ),
      ).to.include({ outcome: 'applied' });
      await other.query('commit');
      expect(await orderOf(txnid)).to.deep.equal({ txnid, paid: false });
    });
  });

  describe('decides by the row as it is when it is locked, not as the statement first saw it:', () => {
    // A view that waits for an advisory lock while the statement looks for the row: after its snapshot, and before it
    // locks the row.
    const gate = 4711;

    beforeEach(async () => {
      await ddl(
        `create function pause() returns boolean language plpgsql volatile as
         $$ begin perform pg_advisory_lock_shared(${gate}); perform pg_advisory_unlock_shared(${gate}); return true; end $$`,
        'drop function pause',
      );
      await ddl('create view gated as select * from dragonpay_transactions where pause()', 'drop view gated');
      cleanUps.reverse();
    });

    async function whileMoving(
      txnid: string,
      status: string,
      change: string,
      effect?: Effect,
    ): Promise<RecordedUpdate> {
      const gated = connect().repository({ transactions: 'gated' });
      await other.query('select pg_advisory_lock($1)', [gate]);
      await other.query('begin');
      await other.query(change, [txnid]);
      const moving = tell(txnid, status, effect, gated);
      await untilWaiting('advisory');
      await other.query('commit');
      await other.query('select pg_advisory_unlock($1)', [gate]);
      return moving;
    }

    const paid = `update dragonpay_transactions set status = 'S', reached = reached || 'S' where txnid = $1`;

    it('a payment that was paid meanwhile does not fail any more', async () => {
      const txnid = await payment();
      expect(await whileMoving(txnid, 'F', paid)).to.deep.equal({ outcome: 'stale', current: 'S' });
      expect(await statusOf(txnid)).to.equal('S');
      const events = await repository.callbacks({ txnid });
      expect(events.map(({ outcome }) => outcome)).to.deep.equal(['stale']);
    });

    it('a payment that was paid meanwhile is not paid again', async () => {
      const txnid = await payment();
      expect(await whileMoving(txnid, 'S', paid)).to.deep.equal({ outcome: 'duplicate', current: 'S' });
      expect((await repository.findPayment(txnid))?.reached).to.deep.equal(['S']);
    });

    it('its effect does not run for a payment that was paid meanwhile', async () => {
      const txnid = await payment();
      expect(await whileMoving(txnid, 'S', paid, insertOrder(txnid))).to.deep.equal({
        outcome: 'duplicate',
        current: 'S',
      });
      expect(await orderOf(txnid)).to.equal(undefined);
    });

    it('its effect does not run for a payment that was paid after it was found movable', async () => {
      const gated = connect();
      const txnid = await payment();
      gated.beforeStatement = async (text) => {
        if (!text.startsWith('begin')) return;
        await other.query('select pg_advisory_lock($1)', [gate]);
        await other.query('begin');
        await other.query(paid, [txnid]);
      };
      const moving = tell(txnid, 'S', insertOrder(txnid), gated.repository({ transactions: 'gated' }));
      await untilWaiting('advisory');
      await other.query('commit');
      await other.query('select pg_advisory_unlock($1)', [gate]);
      expect(await moving).to.deep.equal({ outcome: 'duplicate', current: 'S' });
      expect(await orderOf(txnid)).to.equal(undefined);
      expect((await repository.callbacks({ txnid })).map(({ deliveries }) => deliveries)).to.deep.equal([1]);
    });

    it('a refno that came meanwhile is compared', async () => {
      const txnid = await payment();
      const update = await whileMoving(txnid, 'S', `update dragonpay_transactions set refno = 'R-2' where txnid = $1`);
      expect(update).to.deep.equal({ outcome: 'mismatch', current: 'P', differs: ['refno'] });
    });
  });

  describe('commits what a handler does together with the move, or nothing:', () => {
    it('an order and its payment commit together', async () => {
      const txnid = generateTxnId();
      await connected.db.transaction().execute(async (trx) => {
        const created = await repository.createPayment({ txnid, amount: '100.00' }, { trx });
        expect(created.status).to.equal('P');
        await trx.insertInto('orders').values({ txnid, paid: false }).execute();
        expect(await repository.findPayment(txnid)).to.equal(undefined);
        expect(await repository.findPayment(txnid, { trx })).to.deep.equal(created);
      });
      expect(await statusOf(txnid)).to.equal('P');
      expect(await orderOf(txnid)).to.deep.equal({ txnid, paid: false });
    });

    it('an order that is rolled back takes its payment and its payout along', async () => {
      const [txnid, merchantTxnId] = [generateTxnId(), generateTxnId()];
      const failed = connected.db.transaction().execute(async (trx) => {
        await repository.createPayment({ txnid, amount: '100.00' }, { trx });
        await repository.createPayout({ merchantTxnId, amount: '100.00' }, { trx });
        expect(await repository.findPayout(merchantTxnId, { trx })).to.include({ merchantTxnId });
        throw new Error('no stock');
      });
      expect((await rejection(failed)).message).to.equal('no stock');
      expect(await repository.findPayment(txnid)).to.equal(undefined);
      expect(await repository.findPayout(merchantTxnId)).to.equal(undefined);
    });

    it('a repeated id does not spoil the transaction that it is made in', async () => {
      const txnid = await payment();
      await connected.db.transaction().execute(async (trx) => {
        const refused = await rejection(repository.createPayment({ txnid, amount: '1.00' }, { trx }));
        expect(refused.code).to.equal('already-exists');
        await trx.insertInto('orders').values({ txnid, paid: false }).execute();
      });
      expect(await orderOf(txnid)).to.deep.equal({ txnid, paid: false });
    });

    it('a handler that throws', async () => {
      const txnid = await payment();
      const error = new Error('no stock');
      const failing = effect(async (trx) => {
        await trx.insertInto('orders').values({ txnid, paid: true }).execute();
        throw error;
      });
      expect(await rejection(tell(txnid, 'S', failing))).to.equal(error);
      await expectNothingOf(txnid);
      await applies(txnid);
    });

    const breaks: Readonly<Record<string, (trx: Transaction<Database>) => Promise<unknown>>> = {
      'a handler that swallows the error of a failed query': async (trx) => {
        await sql`select 1 / 0`.execute(trx).catch(() => {});
      },
      'a handler that does not wait for a query that fails': async (trx) => {
        sql`select 1 / 0`.execute(trx).catch(() => {});
      },
      'a handler that rolls back by itself': (trx) => sql`rollback`.execute(trx),
      'a handler that rolls back by itself and begins anew': async (trx) => {
        await sql`rollback`.execute(trx);
        await sql`begin`.execute(trx);
        await sql`create temporary table mine ()`.execute(trx);
      },
    };
    for (const [name, run] of Object.entries(breaks)) {
      it(`${name}`, async () => {
        const txnid = await payment();
        const broken = effect(async (trx) => {
          await trx.insertInto('orders').values({ txnid, paid: true }).execute();
          await run(trx);
        });
        await rejection(tell(txnid, 'S', broken));
        await expectNothingOf(txnid);
        await applies(txnid);
      });
    }

    it('a handler that commits by itself is not told that all is well, nor called again', async () => {
      const txnid = await payment();
      await rejection(
        tell(
          txnid,
          'S',
          effect((trx) => sql`commit`.execute(trx)),
        ),
      );
      expect(await tell(txnid, 'S', insertOrder(txnid))).to.deep.equal({ outcome: 'duplicate', current: 'S' });
      expect(connected.pool.idleCount).to.equal(connected.pool.totalCount);
    });

    it('a handler may fail within savepoints', async () => {
      const txnid = await payment();
      const daring = effect(async (trx) => {
        await sql`savepoint daring`.execute(trx);
        await sql`select 1 / 0`.execute(trx).catch(() => {});
        await sql`rollback to savepoint daring`.execute(trx);
        await trx.insertInto('orders').values({ txnid, paid: true }).execute();
      });
      expect(await tell(txnid, 'S', daring)).to.include({ outcome: 'applied' });
      expect(await orderOf(txnid)).to.deep.equal({ txnid, paid: true });
    });

    it('the transaction takes no query when its COMMIT is on its way', async () => {
      const committing = connect();
      const txnid = await payment();
      let kept: Transaction<Database> | undefined;
      let late: Promise<unknown> | undefined;
      committing.beforeStatement = async (text) => {
        if (text === 'commit') late = Promise.resolve(insertOrder(txnid).run({} as AppliedUpdate, kept as never));
      };
      const keeping = effect(async (trx) => {
        kept = trx;
      });
      await tell(txnid, 'S', keeping, committing.repository());
      expect(await Promise.race([late, sleep(20).then(() => 'not run')])).to.equal('not run');
      expect(await orderOf(txnid)).to.equal(undefined);
    });

    it('the transaction takes no query when it is over', async () => {
      for (const status of ['S', 'F']) {
        const txnid = await payment();
        let kept: Transaction<Database> | undefined;
        const keeping = effect(async (trx) => {
          kept = trx;
          if (status === 'F') throw new Error('no stock');
        });
        await tell(txnid, status, keeping).catch(() => {});
        const late = kept as Transaction<Database>;
        // Nothing awaits a query after its method has returned, and a rejection would end the process.
        const refusal = (query: Promise<unknown>) =>
          status === 'F' ? rejection(query) : Promise.race([query.then(() => expect.fail()), sleep(20)]);
        await refusal(late.insertInto('orders').values({ txnid, paid: true }).execute());
        await refusal(sql`select 1`.execute(late));
        await refusal(repository.findPayment(txnid, { trx: late }));
        expect(await orderOf(txnid)).to.equal(undefined);
      }
    });
  });

  describe('bounds what a handler holds up:', () => {
    /** An effect that gives up while its query continues, like the dispatcher at a deadline. */
    function givingUp(milliseconds: number, statement: string, txnid: string, bound = 10_000): Effect {
      return effect(async (trx) => {
        await trx.insertInto('orders').values({ txnid, paid: true }).execute();
        const running = sql.raw(statement).execute(trx);
        running.catch(() => {});
        await Promise.race([
          running,
          sleep(milliseconds).then(() => {
            throw new Error('the deadline passed');
          }),
        ]);
      }, bound);
    }

    it('a query that still runs when the deadline passes is ended, with its connection', async () => {
      const txnid = await payment();
      const startedAt = performance.now();
      const error = await rejection(tell(txnid, 'S', givingUp(100, 'select pg_sleep(30)', txnid)));
      expect(error.message).to.equal('the deadline passed');
      expect(performance.now() - startedAt).to.be.below(5_000);
      await expectNothingOf(txnid);
      await applies(txnid);
    });

    it('also where the pool has no other connection: then the server ends it', async () => {
      const small = connect({ max: 1 });
      const txnid = await payment();
      const startedAt = performance.now();
      await rejection(tell(txnid, 'S', givingUp(100, 'select pg_sleep(30)', txnid, 500), small.repository()));
      expect(performance.now() - startedAt).to.be.below(5_000);
      await expectNothingOf(txnid, small);
      await small.pool.query('select 1');
      await applies(txnid);
    });

    it('a query that has ended by then costs no connection', async () => {
      const txnid = await payment();
      const one = connect({ max: 2 });
      await rejection(tell(txnid, 'S', givingUp(50, 'select pg_sleep(0.1)', txnid), one.repository()));
      await expectNothingOf(txnid, one);
      const { rows } = await one.pool.query('select pg_backend_pid() as pid');
      expect(one.pool.totalCount).to.equal(1);
      expect(rows).to.have.length(1);
    });

    it('a statement that takes longer than the handler may is cancelled by the server', async () => {
      const txnid = await payment();
      const slow = effect((trx) => sql`select pg_sleep(30)`.execute(trx), 100);
      expect((await rejection(tell(txnid, 'S', slow))).code).to.equal('57014');
      await expectNothingOf(txnid);
    });

    it('a handler that goes quiet loses its transaction', async () => {
      const txnid = await payment();
      const quiet = effect(async (trx) => {
        await trx.insertInto('orders').values({ txnid, paid: true }).execute();
        // The server waits a second longer, so that the deadline of the handler comes first.
        await sleep(1_500);
      }, 100);
      await rejection(tell(txnid, 'S', quiet));
      await expectNothingOf(txnid);
      await applies(txnid);
    });

    it('its bounds end with the transaction', async () => {
      const one = connect({ max: 1 });
      const txnid = await payment();
      await tell(
        txnid,
        'S',
        effect(async () => {}, 1234),
        one.repository(),
      );
      const { rows } = await one.pool.query(
        `select current_setting('statement_timeout') as one, current_setting('idle_in_transaction_session_timeout') as other`,
      );
      expect(rows).to.deep.equal([{ one: '0', other: '0' }]);
    });
  });

  describe('survives what happens to connections:', () => {
    it('one that dies at COMMIT: it rejects, and the next delivery tells what became of it', async () => {
      await ddl(
        `create function die() returns trigger language plpgsql as
         $$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$`,
        'drop function die',
      );
      await ddl(
        `create constraint trigger die after insert on orders deferrable initially deferred
         for each row execute function die()`,
        'drop trigger die on orders',
      );
      cleanUps.reverse();
      const txnid = await payment();
      expect((await rejection(tell(txnid, 'S', insertOrder(txnid)))).message).to.match(/terminat/i);
      await expectNothingOf(txnid);
      expect(await tell(txnid, 'S')).to.include({ outcome: 'applied' });
    });

    it('one that dies while the handler works, many times over', async () => {
      const small = connect({ max: 2 });
      const txnid = await payment();
      for (let death = 0; death < 5; death++) {
        const dying = effect(async (trx) => {
          const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx);
          await other.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
          await sleep(30);
        });
        await rejection(tell(txnid, 'S', dying, small.repository()));
      }
      await expectNothingOf(txnid, small);
      expect(await tell(txnid, 'S', insertOrder(txnid), small.repository())).to.include({ outcome: 'applied' });
    });

    it('ones that die while nobody uses them', async () => {
      const idle = connect({ max: 2 });
      const txnid = await payment();
      await Promise.all([idle.pool.query('select pg_sleep(0.02)'), idle.pool.query('select pg_sleep(0.02)')]);
      await other.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()`,
      );
      await sleep(50);
      expect(await tell(txnid, 'S', insertOrder(txnid), idle.repository())).to.include({ outcome: 'applied' });
    });

    it('a statement that fails in a batch fails alone', async () => {
      await ddl(
        `alter table dragonpay_transactions add constraint no_luck check (refno <> '13')`,
        'alter table dragonpay_transactions drop constraint no_luck',
      );
      const unlucky = await payment();
      const lucky = await Promise.all(Array.from({ length: 4 }, payment));
      const first = await payment();
      const told = await Promise.allSettled([
        // The first callback is sent alone. The others wait and share the next statement.
        tell(first, 'S'),
        tell(lucky[0] as string, 'S'),
        (async () => repository.store(await verifySigned({ txnid: unlucky, refno: '13', status: 'S', message: '' })))(),
        ...lucky.slice(1).map((txnid) => tell(txnid, 'S')),
      ]);
      expect(told.map(({ status }) => status)).to.deep.equal([
        ...['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled'],
      ]);
      expect(await repository.callbacks({ txnid: unlucky })).to.deep.equal([]);
      for (const txnid of lucky) expect((await repository.callbacks({ txnid }))[0]?.deliveries).to.equal(1);
    });
  });

  describe('tries again what the database asks to be tried again:', () => {
    /** Makes the first `times` moves of each row fail. */
    async function failing(times: number, code: string): Promise<void> {
      await ddl('create sequence tries', 'drop sequence tries');
      await ddl(
        `create function fail() returns trigger language plpgsql as
         $$ begin if nextval('tries') <= ${times} then raise exception 'no luck' using errcode = '${code}'; end if;
         return new; end $$`,
        'drop function fail',
      );
      await ddl(
        'create trigger fail before update on dragonpay_transactions for each row execute function fail()',
        'drop trigger fail on dragonpay_transactions',
      );
      cleanUps.reverse();
    }

    for (const [code, name] of Object.entries({ '40001': 'a serialization failure', '40P01': 'a deadlock' })) {
      it(`${name}, up to twice`, async () => {
        await failing(2, code);
        const txnid = await payment();
        expect(await tell(txnid, 'S')).to.include({ outcome: 'applied' });
        expect((await repository.callbacks({ txnid }))[0]?.deliveries).to.equal(1);
      });

      it(`${name} with an effect, which runs once per attempt and is stored once`, async () => {
        await failing(2, code);
        const txnid = await payment();
        await applies(txnid);
      });

      it(`${name} that does not end`, async () => {
        await failing(1_000, code);
        const impatient = connected.repository({ busyMilliseconds: 300 });
        const txnid = await payment();
        expect((await rejection(tell(txnid, 'S', undefined, impatient))).code).to.equal(code);
        expect((await rejection(tell(txnid, 'S', insertOrder(txnid), impatient))).code).to.equal(code);
        await expectNothingOf(txnid);
      });
    }

    it('a serialization failure in the handler', async () => {
      const txnid = await payment();
      let runs = 0;
      const unlucky = effect(async (trx) => {
        runs++;
        await trx.insertInto('orders').values({ txnid, paid: true }).execute();
        if (runs < 3)
          await sql.raw(`do $$ begin raise exception 'no luck' using errcode = '40001'; end $$`).execute(trx);
      });
      expect(await tell(txnid, 'S', unlucky)).to.include({ outcome: 'applied' });
      expect(runs).to.equal(3);
      expect(await orderOf(txnid)).to.deep.equal({ txnid, paid: true });
    });

    it('nothing else', async () => {
      await failing(1, '23514');
      const txnid = await payment();
      expect((await rejection(tell(txnid, 'S'))).code).to.equal('23514');
      await expectNothingOf(txnid);
    });

    it('a row that changed meanwhile under REPEATABLE READ and SERIALIZABLE', async () => {
      for (const level of ['repeatable read', 'serializable']) {
        const strict = connect({ options: `-c default_transaction_isolation=${level.replace(' ', '\\ ')}` });
        const { rows } = await strict.pool.query('show transaction_isolation');
        expect(rows).to.deep.equal([{ transaction_isolation: level }]);
        const txnid = await payment();
        const peers = [strict.repository(), strict.repository(), strict.repository()];
        let runs = 0;
        const counting = effect(async () => {
          runs++;
        });
        const told = await Promise.allSettled(peers.map((peer) => tell(txnid, 'S', counting, peer)));
        const outcomes = told.map((result) => (result.status === 'fulfilled' ? result.value.outcome : 'rejected'));
        expect(outcomes.filter((outcome) => outcome === 'applied')).to.have.length(1);
        expect(await statusOf(txnid)).to.equal('S');
        expect(runs).to.be.at.least(1);
      }
    });
  });
});
