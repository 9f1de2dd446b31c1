import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Kysely, MysqlDialect, sql, type Transaction } from 'kysely';
import { createPool, type PoolOptions } from 'mysql2';
import mysql, { type Connection } from 'mysql2/promise';
import { generateTxnId, type RecordedUpdate, type StatusEffect } from '../../../src/index.js';
import { type DragonpayTables, KyselyRepository, type KyselyRepositoryOptions } from '../../../src/kysely.js';
import { mysqlDialect } from '../../../src/mysql.js';
import { verifySigned } from '../../../src/testing/verify-signed.js';
import { CuttingProxy, type Verdict } from '../../faults/cutting-proxy.js';
import {
  createMysqlDatabase,
  describeOnMariadb,
  type MysqlTestDatabase,
  mysqlPool,
} from '../../support/mysql-database.js';

type Database = DragonpayTables & { orders: { txnid: string; line: number } };
type Effect = StatusEffect<Transaction<Database>>;

describeOnMariadb('KyselyRepository on MariaDB', () => {
  let database: MysqlTestDatabase;
  let repository: KyselyRepository<Database>;
  /** A session of another program. */
  let other: Connection;
  const opened: Kysely<Database>[] = [];

  before(async function () {
    this.timeout(30_000);
    database = await createMysqlDatabase();
    repository = connect().repository();
    await database.query(
      `create table orders (txnid varchar(40) collate utf8mb4_nopad_bin, line integer, primary key (txnid, line),
        foreign key (txnid) references dragonpay_transactions (txnid))`,
    );
  });
  beforeEach(async () => {
    other = await mysql.createConnection(database.url);
    other.on('error', () => {});
  });
  afterEach(async () => {
    await other.end();
    for (const db of opened.splice(1)) await db.destroy();
  });
  after(async () => {
    for (const db of opened) await db.destroy();
    await database?.destroy();
  });

  /** A pool, and the statements that it sends. */
  function connect(options: PoolOptions = {}, url = database.url) {
    const statements: string[] = [];
    const pool = mysqlPool(url, options);
    const db = new Kysely<Database>({
      dialect: new MysqlDialect({ pool }),
      log: ({ query }) => void statements.push(query.sql),
    });
    opened.push(db);
    return {
      pool,
      db,
      statements,
      repository: (more: KyselyRepositoryOptions = {}) =>
        new KyselyRepository<Database>(db, { dialect: mysqlDialect, ...more }),
    };
  }

  async function payment(): Promise<string> {
    return (await repository.createPayment({ txnid: generateTxnId(), amount: '100.00' })).txnid;
  }

  const refno = 'R-1';
  const callbackOf = (fields: Record<string, string>) =>
    verifySigned({ refno, message: '', ...fields } as Parameters<typeof verifySigned>[0]);

  async function tell(txnid: string, status: string, effect?: Effect, by = repository): Promise<RecordedUpdate> {
    return by.store(await callbackOf({ txnid, status }), effect);
  }

  const effect = (run: (trx: Transaction<Database>) => Promise<unknown>, milliseconds = 10_000): Effect => ({
    milliseconds,
    run: async (_update, trx) => {
      await run(trx);
    },
  });

  const insertOrder = (txnid: string) => effect((trx) => trx.insertInto('orders').values({ txnid, line: 1 }).execute());

  const ordersOf = (txnid: string) => database.query('select line from orders where txnid = ?', [txnid]);

  async function rejection(promise: Promise<unknown>): Promise<Error> {
    try {
      await promise;
    } catch (error) {
      return error as Error;
    }
    throw new Error('it did not reject');
  }

  describe('counts its statements:', () => {
    let counted: ReturnType<typeof connect>;
    beforeEach(async () => {
      counted = connect();
      await sql`select 1`.execute(counted.db);
      counted.statements.length = 0;
    });

    /** The names of the statements since the last call. */
    function sent(): string[] {
      return counted.statements
        .splice(0)
        .map((text) => /^\/\* dragonpay-([a-z-]+)|^(?:\w+)/.exec(text)?.[1] ?? text.slice(0, 8));
    }

    it('5 for a callback that moves its row, 4 for any other', async () => {
      const by = counted.repository();
      const txnid = await payment();
      const moves = ['begin', 'payment-lock', 'payment-move', 'record', 'commit'];
      const stays = ['begin', 'payment-lock', 'record', 'commit'];
      await tell(txnid, 'S', undefined, by);
      expect(sent()).to.deep.equal(moves);
      for (const fields of [
        { txnid, status: 'S' },
        { txnid, status: 'F' },
        { txnid, status: 'R', amount: '1.00' },
        { txnid, status: 'D' },
        { txnid: generateTxnId(), status: 'S' },
      ]) {
        await by.store(await callbackOf(fields));
        expect(sent()).to.deep.equal(stays);
      }
      await tell(txnid, 'R', undefined, by);
      expect(sent()).to.deep.equal(moves);
      await by.store(await callbackOf({ merchantTxnId: generateTxnId(), status: 'S' }));
      expect(sent()).to.deep.equal(['begin', 'payout-lock', 'record', 'commit']);
    });

    it('6 with an effect of one statement, 4 for its duplicate', async () => {
      const by = counted.repository();
      const txnid = await payment();
      await tell(txnid, 'S', insertOrder(txnid), by);
      expect(sent()).to.deep.equal(['begin', 'payment-lock', 'payment-move', 'record', 'insert i', 'commit']);
      await tell(txnid, 'S', insertOrder(txnid), by);
      expect(sent()).to.deep.equal(['begin', 'payment-lock', 'record', 'commit']);
    });

    it('2 more with an effect that calls a procedure', async () => {
      const txnid = await payment();
      const calls = effect((trx) => sql`do sleep(0)`.execute(trx));
      await tell(txnid, 'S', calls, counted.repository());
      expect(sent()).to.include.members(['savepoin', 'release ']);
    });

    it('5 for all callbacks that share a transaction, with their inbox in the same order', async () => {
      const by = counted.repository();
      const txnids = await Promise.all(Array.from({ length: 40 }, payment));
      const updates = await Promise.all(txnids.map((txnid) => tell(txnid, 'S', undefined, by)));
      expect(updates.every(({ outcome }) => outcome === 'applied')).to.equal(true);
      expect(sent().filter((name) => name === 'begin').length).to.be.below(8);
      for (const txnid of txnids) expect(await by.findPayment(txnid)).to.deep.include({ status: 'S', refno });
    });

    it('2 to create a payment, 1 to find it', async () => {
      const by = counted.repository();
      const txnid = generateTxnId();
      await by.createPayment({ txnid, amount: '1.00' });
      expect(sent()).to.deep.equal(['payment-insert', 'payment-find']);
      await by.findPayment(txnid);
      expect(sent()).to.deep.equal(['payment-find']);
    });
  });

  describe('meets a row that another session has locked:', () => {
    const lock = 'select 1 from dragonpay_transactions where txnid = ? for update';

    it('it waits without a connection, and moves the row when it is free', async () => {
      const small = connect({ connectionLimit: 1 });
      const txnid = await payment();
      await other.query('begin');
      await other.query(lock, [txnid]);
      let isOver = false;
      const told = Promise.all([
        tell(txnid, 'P', undefined, small.repository()),
        tell(txnid, 'S', insertOrder(txnid), small.repository()),
      ]).finally(() => {
        isOver = true;
      });
      for (let query = 0; query < 10; query++) {
        const startedAt = performance.now();
        await sql`select 1`.execute(small.db);
        expect(performance.now() - startedAt).to.be.below(2_500);
        await sleep(20);
      }
      expect(isOver).to.equal(false);
      await other.query('commit');
      const [, second] = await told;
      expect(second.outcome).to.equal('applied');
      expect(await repository.findPayment(txnid)).to.include({ status: 'S' });
    });

    it('past its time it rejects, and leaves no trace', async () => {
      const impatient = connect().repository({ busyMilliseconds: 100 });
      const txnid = await payment();
      await other.query('begin');
      await other.query(lock, [txnid]);
      expect((await rejection(tell(txnid, 'S', undefined, impatient))).message).to.match(/locked/);
      expect((await rejection(tell(txnid, 'S', insertOrder(txnid), impatient))).message).to.match(/locked/);
      await other.query('rollback');
      expect(await repository.findPayment(txnid)).to.deep.include({ status: 'P', reached: [] });
      expect(await repository.callbacks({ txnid })).to.deep.equal([]);
      expect(await tell(txnid, 'S', insertOrder(txnid))).to.include({ outcome: 'applied' });
    });

    it('callbacks of other rows go on, also in the same batch', async () => {
      const locked = await payment();
      const free = await Promise.all(Array.from({ length: 5 }, payment));
      await other.query('begin');
      await other.query(lock, [locked]);
      const waiting = tell(locked, 'S');
      for (const { outcome } of await Promise.all(free.map((txnid) => tell(txnid, 'S')))) {
        expect(outcome).to.equal('applied');
      }
      await other.query('rollback');
      expect((await waiting).outcome).to.equal('applied');
    });

    it('callbacks of other rows go on in a small table, and under REPEATABLE READ', async () => {
      const small = await createMysqlDatabase();
      const db = new Kysely<Database>({ dialect: new MysqlDialect({ pool: createPool(small.url) }) });
      const by = new KyselyRepository<Database>(db, { dialect: mysqlDialect });
      await small.query(
        `insert into dragonpay_transactions (txnid, amount) select concat('T-', seq), 100 from seq_1_to_60`,
      );
      const holder = await mysql.createConnection(small.url);
      try {
        await holder.query('begin');
        await holder.query(lock, ['T-30']);
        const startedAt = performance.now();
        // The first callback is sent alone, and the others share the next transaction.
        const others = Array.from({ length: 60 }, (_, index) => `T-${index + 1}`).filter((txnid) => txnid !== 'T-30');
        const told = others.map((txnid) => tell(txnid, 'S', undefined, by));
        for (const { outcome } of await Promise.all(told)) expect(outcome).to.equal('applied');
        expect(performance.now() - startedAt).to.be.below(1_000);
      } finally {
        await holder.end();
        await db.destroy();
        await small.destroy();
      }
    });

    it('a callback waits for a transaction that refers to its row, unlike on PostgreSQL', async () => {
      const impatient = connect().repository({ busyMilliseconds: 100 });
      const txnid = await payment();
      await other.query('begin');
      await other.query('insert into orders values (?, 2)', [txnid]);
      expect((await rejection(tell(txnid, 'P', undefined, impatient))).message).to.match(/locked/);
      await other.query('commit');
      expect(await tell(txnid, 'P')).to.include({ outcome: 'applied' });
    });

    it('a correction waits for it, and no longer than it may', async () => {
      const impatient = connect().repository({ busyMilliseconds: 150 });
      const txnid = await payment();
      await other.query('begin');
      await other.query(lock, [txnid]);
      const options = { by: 'a test', reason: 'to wait' };
      const startedAt = performance.now();
      expect((await rejection(impatient.correct(txnid, { status: 'V' }, options))).message).to.match(/locked/);
      expect(performance.now() - startedAt).to.be.below(2_000);
      const correcting = repository.correct(txnid, { status: 'V' }, options);
      await sleep(100);
      await other.query('commit');
      expect(await correcting).to.include({ previous: 'P', current: 'V' });
    });
  });

  it('answers not-found while the transaction that makes the row has not committed', async () => {
    const txnid = generateTxnId();
    await other.query('begin');
    await other.query('insert into dragonpay_transactions (txnid, amount) values (?, 1)', [txnid]);
    expect(await tell(txnid, 'S')).to.deep.equal({ outcome: 'not-found' });
    await other.query('commit');
    expect(await tell(txnid, 'S')).to.include({ outcome: 'applied' });
  });

  it('makes a payment in the transaction of its order, and rolls it back with it', async () => {
    const txnid = generateTxnId();
    const { db } = connect();
    await rejection(
      db.transaction().execute(async (trx) => {
        await repository.createPayment({ txnid, amount: '1.00' }, { trx });
        expect(await repository.findPayment(txnid, { trx })).to.include({ txnid });
        const again = await rejection(repository.createPayment({ txnid, amount: '1.00' }, { trx }));
        expect(again).to.include({ code: 'already-exists' });
        throw new Error('changed my mind');
      }),
    );
    expect(await repository.findPayment(txnid)).to.equal(undefined);
  });

  it('makes no payment twice in a method, and the method goes on', async () => {
    const txnid = await payment();
    const again = effect(async (trx) => {
      await rejection(repository.createPayment({ txnid, amount: '1.00' }, { trx }));
      await trx.insertInto('orders').values({ txnid, line: 1 }).execute();
    });
    expect(await tell(txnid, 'S', again)).to.include({ outcome: 'applied' });
    expect(await ordersOf(txnid)).to.deep.equal([{ line: 1 }]);
  });

  it('keeps times in UTC and to the microsecond, whatever the time zone of the session', async () => {
    const away = mysqlPool(database.url, { timezone: '+08:00' });
    away.on('connection', (connection) => {
      connection.query(`set time_zone = '+08:00'`);
    });
    const db = new Kysely<Database>({ dialect: new MysqlDialect({ pool: away }) });
    opened.push(db);
    const by = new KyselyRepository<Database>(db, { dialect: mysqlDialect });
    const before = Date.now();
    const { txnid, createdAt } = await by.createPayment({ txnid: generateTxnId(), amount: '1.00' });
    await tell(txnid, 'S', undefined, by);
    const [event] = await by.callbacks({ txnid });
    for (const time of [createdAt, event?.firstSeen, event?.lastSeen]) {
      expect(time?.getTime()).to.be.within(before - 50, Date.now() + 50);
    }
    expect(await by.callbacks({ txnid, since: new Date(before - 50) })).to.have.lengthOf(1);
    expect(event?.cursor).to.match(/^\d{16}:/);
  });

  it('tries again after a deadlock of the method, and then commits once', async () => {
    const txnid = await payment();
    let runs = 0;
    const unlucky = effect(async (trx) => {
      runs++;
      await trx.insertInto('orders').values({ txnid, line: runs }).execute();
      if (runs < 3) await sql`signal sqlstate '40001' set mysql_errno = 1213`.execute(trx);
    });
    expect(await tell(txnid, 'S', unlucky)).to.include({ outcome: 'applied' });
    expect(await ordersOf(txnid)).to.deep.equal([{ line: 3 }]);
  });

  it('sees one of a batch refused alone, and the others stored', async () => {
    const txnids = await Promise.all(Array.from({ length: 6 }, payment));
    const bad = txnids[3];
    await database.query(
      `create trigger refuse before insert on dragonpay_callbacks for each row
       if new.id = '${bad}' then signal sqlstate '45000' set message_text = 'refused by a trigger'; end if`,
    );
    try {
      const told = await Promise.allSettled(txnids.map((txnid) => tell(txnid, 'S')));
      expect(told.map(({ status }) => status).join()).to.equal(
        txnids.map((txnid) => (txnid === bad ? 'rejected' : 'fulfilled')).join(),
      );
    } finally {
      await database.query('drop trigger refuse');
    }
  });

  it('tells of a trigger that keeps a row from moving, and stores nothing of it', async () => {
    const [txnid, fine] = [await payment(), await payment()];
    await database.query(
      `create trigger keep before update on dragonpay_transactions for each row
       if old.txnid = '${txnid}' then set new.status = old.status; end if`,
    );
    try {
      let runs = 0;
      const counting = effect(async () => runs++);
      const protectedRow = { code: 'row-protected' };
      expect(await rejection(tell(txnid, 'S', counting))).to.include(protectedRow);
      const [bad, good] = await Promise.allSettled([tell(txnid, 'S'), tell(fine, 'S')]);
      expect(bad).to.have.nested.property('reason.code', 'row-protected');
      expect(good).to.have.nested.property('value.outcome', 'applied');
      const correcting = repository.correct(txnid, { status: 'V' }, { by: 'a test', reason: 'to see' });
      expect(await rejection(correcting)).to.include(protectedRow);
      expect(runs).to.equal(0);
      expect(await repository.callbacks({ txnid, outcome: 'applied' })).to.deep.equal([]);
    } finally {
      await database.query('drop trigger keep');
    }
    expect(await tell(txnid, 'S')).to.include({ outcome: 'applied' });
  });

  it('tells of a trigger that writes another refno, and stores nothing of it', async () => {
    const txnid = await payment();
    await database.query(
      `create trigger keep before update on dragonpay_transactions for each row
       if old.txnid = '${txnid}' then set new.refno = 'OTHER'; end if`,
    );
    try {
      const protectedRow = { code: 'row-protected' };
      expect(await rejection(tell(txnid, 'S'))).to.include(protectedRow);
      const correcting = repository.correct(txnid, { status: 'V' }, { by: 'a test', reason: 'to see' });
      expect(await rejection(correcting)).to.include(protectedRow);
      expect(await repository.findPayment(txnid)).to.include({ status: 'P', refno: null });
    } finally {
      await database.query('drop trigger keep');
    }
    expect(await tell(txnid, 'S')).to.include({ outcome: 'applied' });
  });

  it('stores nothing after its time, where the pool gave no connection before', async () => {
    const small = connect({ connectionLimit: 1 });
    const by = small.repository();
    const txnid = await payment();
    const held = await small.pool.promise().getConnection();
    const telling = by.store(await callbackOf({ txnid, status: 'S' }), undefined, { milliseconds: 100 });
    await sleep(250);
    held.release();
    expect(await rejection(telling)).to.include({ code: 'unstored' });
    expect(await repository.findPayment(txnid)).to.include({ status: 'P' });
    expect(await repository.callbacks({ txnid })).to.deep.equal([]);
  });

  it('prunes the inbox past a locked event, while callbacks are recorded', async () => {
    await database.query(
      `insert into dragonpay_callbacks (kind, id, refno, status, first_seen, last_seen, outcome, proof, key_id, method, raw)
       select 'payment', concat('old-', seq), ?, 'S', utc_timestamp(6) - interval 2 day, utc_timestamp(6) - interval 1 day,
         'not-found', 'sha1', 'k', 'POST', '' from seq_1_to_6000`,
      [refno],
    );
    await other.query('begin');
    await other.query(`select * from dragonpay_callbacks where id = 'old-7' for update`);
    const before = new Date(Date.now() - 3_600_000);
    const delivered: string[] = [];
    let isPruned = false;
    const pruning = repository.pruneCallbacks(before).finally(() => {
      isPruned = true;
    });
    for (let number = 6_000; !isPruned; number -= 3) {
      const startedAt = performance.now();
      expect(await tell(`old-${number}`, 'S')).to.deep.equal({ outcome: 'not-found' });
      expect(performance.now() - startedAt).to.be.below(1_000);
      delivered.push(`old-${number}`);
    }
    const count = await pruning;
    expect(delivered.length).to.be.greaterThan(2);
    const left = (await database.query(`select id from dragonpay_callbacks where id like 'old-%'`)).map(({ id }) => id);
    expect(left).to.have.members(['old-7', ...delivered]);
    expect(count).to.be.within(6_000 - delivered.length - 1, 5_999);
    await other.query('rollback');
    expect(await repository.pruneCallbacks(before)).to.equal(1);
  });

  it('claims the payment that was longest without news, past one that is locked', async () => {
    await database.query(
      `insert into dragonpay_transactions (txnid, amount, modified_at)
       select concat('claim-', seq), 1, utc_timestamp(6) - interval 100 + mod(seq, 3) hour from seq_1_to_3`,
    );
    await other.query('begin');
    await other.query(`select * from dragonpay_transactions where txnid = 'claim-2' for update`);
    const claim = () => repository.claimOpenPayment({ olderThan: 360_000_000, lease: 60_000 });
    expect(await claim()).to.include({ txnid: 'claim-1' });
    expect(await repository.claimPayment('claim-2', { lease: 60_000 })).to.equal('held');
    await other.query('rollback');
    expect(await claim()).to.include({ txnid: 'claim-2' });
    expect(await claim()).to.include({ txnid: 'claim-3' });
    expect(await claim()).to.equal(undefined);
  });

  it('claims a payment whose last news is exactly as old as asked for', async () => {
    const pool = mysqlPool(database.url, { connectionLimit: 1 });
    const db = new Kysely<DragonpayTables>({ dialect: new MysqlDialect({ pool }) });
    try {
      // The clock of this connection stands still, long before the news of all other payments.
      await pool.promise().query('set timestamp = 946684800');
      const stopped = new KyselyRepository(db, { dialect: mysqlDialect });
      const { txnid } = await stopped.createPayment({ txnid: generateTxnId(), amount: '1.00' });
      expect(await stopped.claimOpenPayment({ olderThan: 1, lease: 60_000 })).to.equal(undefined);
      expect(await stopped.claimOpenPayment({ olderThan: 0, lease: 60_000 })).to.include({ txnid });
      await pool.promise().query('delete from dragonpay_transactions where txnid = ?', [txnid]);
    } finally {
      await db.destroy();
    }
  });

  it('lets one of many at once claim an early event, under SERIALIZABLE', async () => {
    const own = await createMysqlDatabase();
    const pool = createPool(own.url);
    pool.on('connection', (each) => each.query('set session transaction isolation level serializable'));
    const db = new Kysely<Database>({ dialect: new MysqlDialect({ pool }) });
    const by = new KyselyRepository<Database>(db, { dialect: mysqlDialect });
    try {
      for (let round = 0; round < 5; round++) {
        const txnid = generateTxnId();
        expect((await tell(txnid, 'S', undefined, by)).outcome).to.equal('not-found');
        await by.createPayment({ txnid, amount: '100.00' });
        const claim = () => by.claimEarlyEvent({ lease: 60_000, kinds: ['payment'] });
        const claims = await Promise.all(Array.from({ length: 4 }, claim));
        expect(claims.filter((event) => event !== undefined).map(({ id }) => id)).to.deep.equal([txnid]);
      }
    } finally {
      await db.destroy();
      await own.destroy();
    }
  });

  describe('meets a lock that it cannot skip:', () => {
    const busyMilliseconds = 200;
    let impatient: ReturnType<typeof connect>;
    beforeEach(() => {
      impatient = connect({ connectionLimit: 4 });
    });

    async function expectUnstored(run: () => Promise<unknown>): Promise<void> {
      const startedAt = performance.now();
      expect(await rejection(run())).to.include({ code: 'unstored' });
      expect(performance.now() - startedAt).to.be.below(3_000);
    }

    it('statements that wait for a table are ended, and their connections are free', async () => {
      const by = impatient.repository({ busyMilliseconds });
      const [txnid, second] = [await payment(), await payment()];
      await other.query('lock tables dragonpay_transactions write');
      await expectUnstored(() => tell(txnid, 'S', undefined, by));
      await expectUnstored(() => tell(second, 'S', insertOrder(second), by));
      await expectUnstored(() => by.findPayment(txnid));
      await expectUnstored(() => by.createPayment({ txnid: generateTxnId(), amount: '1.00' }));
      await expectUnstored(() => by.claimOpenPayment({ olderThan: 0, lease: 1_000 }));
      await expectUnstored(() => by.correct(txnid, { status: 'V' }, { by: 'a test', reason: 'to wait' }));
      await other.query('unlock tables');
      expect(await tell(txnid, 'S', undefined, by)).to.include({ outcome: 'applied' });
      expect(await tell(second, 'S', insertOrder(second), by)).to.include({ outcome: 'applied' });
    });

    it('an event that another session keeps locked holds up nothing for long', async () => {
      const by = impatient.repository({ busyMilliseconds });
      const txnid = await payment();
      await tell(txnid, 'S');
      await other.query('begin');
      await other.query('select * from dragonpay_callbacks where id = ? for update', [txnid]);
      await expectUnstored(() => tell(txnid, 'S', undefined, by));
      await other.query('rollback');
      expect(await tell(txnid, 'S', undefined, by)).to.include({ outcome: 'duplicate' });
    });
  });

  describe('survives what happens to connections:', () => {
    const commit = '\u0003commit';
    const cases: readonly (readonly [what: string, at: string, verdict: Verdict, kept: string, again: string])[] = [
      ['before COMMIT', commit, 'cut', 'P', 'applied'],
      ['between COMMIT and its answer', commit, 'swallow', 'S', 'duplicate'],
      ['between COMMIT and its answer, silently', commit, 'silence', 'S', 'duplicate'],
      ['before the lock', 'dragonpay-payment-lock', 'cut', 'P', 'applied'],
      ['after the move', 'dragonpay-payment-move', 'swallow', 'P', 'applied'],
    ];
    for (const [what, at, verdict, kept, again] of cases) {
      for (const isEffect of [false, true]) {
        it(`a loss ${what}${isEffect ? ', with an effect' : ''}: the next try is ${again}`, async () => {
          const proxy = await CuttingProxy.start(Number(new URL(database.url).port));
          const cut = connect({}, proxy.through(database.url)).repository();
          const txnid = await payment();
          const work = isEffect ? insertOrder(txnid) : undefined;
          let cuts = 0;
          proxy.judge = (said) => (said.includes(at) && cuts++ === 0 ? verdict : 'pass');
          try {
            await rejection(tell(txnid, 'S', work, cut));
            expect(cuts).to.equal(1);
            expect(await repository.findPayment(txnid)).to.include({ status: kept });
            expect(await ordersOf(txnid)).to.have.lengthOf(isEffect && kept === 'S' ? 1 : 0);
            expect(await tell(txnid, 'S', work, cut)).to.include({ outcome: again });
            expect(await ordersOf(txnid)).to.have.lengthOf(isEffect ? 1 : 0);
            const [event] = await repository.callbacks({ txnid });
            expect(event).to.include({ outcome: 'applied', deliveries: again === 'applied' ? 1 : 2 });
          } finally {
            await proxy.close();
          }
        });
      }
    }

    it('connections that are killed while they are idle are replaced', async () => {
      const { pool, repository: make } = connect({ connectionLimit: 2 });
      const by = make();
      const txnid = await payment();
      for (const status of ['P', 'S']) {
        const connection = await pool.promise().getConnection();
        const { threadId } = connection;
        connection.release();
        await other.query(`kill ${threadId}`);
        await sleep(50);
        expect(await tell(txnid, status, undefined, by)).to.include({ outcome: 'applied' });
      }
    });
  });

  it('waits where the server gives fewer connections than the pool may have', async () => {
    const name = new URL(database.url).pathname.slice(1);
    const user = name.replace('dragonpay_test', 'few');
    await other.query(`create user ${user} with max_user_connections 2`);
    await other.query(`grant all on ${name}.* to ${user}`);
    const { db, repository: make } = connect(
      { connectionLimit: 8 },
      Object.assign(new URL(database.url), { username: user }).href,
    );
    try {
      const by = make();
      const txnids = await Promise.all(Array.from({ length: 8 }, payment));
      const nothing = effect(async () => {});
      const told = await Promise.all(txnids.map((txnid) => tell(txnid, 'S', nothing, by)));
      expect(told.map(({ outcome }) => outcome)).to.deep.equal(Array(8).fill('applied'));
    } finally {
      await db.destroy();
      opened.splice(opened.indexOf(db), 1);
      await other.query(`drop user ${user}`);
    }
  });

  describe('with methods that take a second connection,', () => {
    it('never lets as many run as the pool has connections', async () => {
      const { db, repository: make } = connect({ connectionLimit: 3 });
      const by = make();
      const txnids = await Promise.all(Array.from({ length: 8 }, payment));
      let running = 0;
      let most = 0;
      const second = effect(async () => {
        most = Math.max(most, ++running);
        await sql`select sleep(0.02)`.execute(db);
        running--;
      });
      const told = await Promise.all(txnids.map((txnid) => tell(txnid, 'S', second, by)));
      expect(told.every(({ outcome }) => outcome === 'applied')).to.equal(true);
      expect(most, '1 if the pool was slow while it was measured').to.be.within(1, 2);
    });
  });
});
