import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { CamelCasePlugin, CompiledQuery, Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import pg from 'pg';
import { toNodeListener } from '../adapters/node.js';
import {
  type CallbackReply,
  type Dragonpay,
  DragonpayCallback,
  type DragonpaySettings,
  type InboxEvent,
  OnPost,
  OnStatus,
  type ReviewReason,
  type StoredEvent,
} from '../src/index.js';
import { type DragonpayTables, KyselyRepository, type StoredCallback, withNamedStatements } from '../src/kysely.js';
import { encodeCallback, signCallback } from '../src/testing/sign-callback.js';
import { CuttingProxy, type Verdict } from './faults/cutting-proxy.js';
import { createTestDatabase, type TestDatabase } from './support/database.js';
import { dispatchSigned, paymentFields, secretKey, testDragonpay } from './support/dispatch-signed.js';
import { sendForm } from './support/send-form.js';
import { createPayments, createSlowShopTables, paid, SlowShop } from './support/slow-shops.js';

interface Database extends DragonpayTables {
  shop_effects: { txnid: string; handler: string };
}

type Work = (callback: StoredCallback<Database>) => unknown;

const effect: Work = ({ trx, data: { txnid }, status }) =>
  trx.insertInto('shop_effects').values({ txnid, handler: status }).execute();

/** A receiver with a pool of its own, whose `@OnStatus` method does whatever the test says at the moment. */
class Receiver {
  work: Work = effect;
  readonly pool: pg.Pool;
  readonly repository: KyselyRepository<Database>;
  readonly dragonpay: Dragonpay;
  readonly endpoint: ReturnType<Dragonpay['endpoint']>;

  constructor(url: string, options: { connections?: number; isNamed?: boolean } & Partial<DragonpaySettings> = {}) {
    const { connections = 4, isNamed = true, ...settings } = options;
    this.pool = new pg.Pool({ connectionString: url, max: connections });
    this.pool.on('error', () => {});
    // What withNamedStatements does as well: a client that is in use when its connection dies has no other listener.
    if (!isNamed) this.pool.on('connect', (client) => void client.on('error', () => {}));
    const pool = isNamed ? withNamedStatements(this.pool) : this.pool;
    this.repository = new KyselyRepository(new Kysely({ dialect: new PostgresDialect({ pool }) }));
    this.dragonpay = testDragonpay({ repository: this.repository, ...settings });
    const work: Work = (callback) => this.work(callback);
    @DragonpayCallback()
    class Shop {
      @OnStatus('S', 'F', 'V', 'E', 'R', 'P')
      async move(callback: StoredCallback<Database, 'S' | 'F' | 'V' | 'E' | 'R' | 'P'>) {
        await work(callback as StoredCallback<Database>);
      }

      @OnPost()
      answer(callback: { valid: boolean; update: { outcome: string } }) {
        return callback.valid ? callback.update.outcome : undefined;
      }
    }
    this.endpoint = this.dragonpay.endpoint(Shop);
  }

  async told(txnid: string, status = 'S', fields: Record<string, string> = {}): Promise<string> {
    const reply: CallbackReply = await dispatchSigned(this.endpoint, paymentFields({ txnid, status, ...fields }));
    return `${reply.status} ${reply.body}`;
  }
}

describe('closing, deadlines and lost connections', function () {
  this.timeout(30_000);
  this.slow(5_000);
  let database: TestDatabase;
  const receivers: Receiver[] = [];
  let payments = 0;

  before(async () => {
    database = await createTestDatabase();
    await createSlowShopTables(database);
  });
  after(() => database.destroy());
  afterEach(() => Promise.all(receivers.splice(0).map(({ pool }) => pool.end())));

  function receiver(options: ConstructorParameters<typeof Receiver>[1] = {}, url = database.url): Receiver {
    const made = new Receiver(url, options);
    receivers.push(made);
    return made;
  }

  async function newPayment(): Promise<string> {
    const txnid = `T-${++payments}`;
    await createPayments(database, [txnid]);
    return txnid;
  }

  /** The status of a payment, and the effects that were written for it. */
  async function storedOf(txnid: string): Promise<string> {
    const { rows } = await database.pool.query(
      `select status, (select count(*) from shop_effects e where e.txnid = t.txnid) as effects
from dragonpay_transactions t where txnid = $1`,
      [txnid],
    );
    return `${rows[0].status}, ${rows[0].effects} effects`;
  }

  describe('SIGTERM under load', () => {
    it('answers everything that was accepted, and loses nothing', async () => {
      const shop = await SlowShop.start(database.url, { pool: 4 });
      const successor = await SlowShop.start(database.url, { pool: 4 });
      const txnids = Array.from({ length: 400 }, (_, number) => `${number % 80 === 0 ? 'slow' : 'load'}-${number}`);
      await createPayments(database, txnids);
      let answered = 0;
      const unanswered: string[] = [];
      const queue = [...txnids];
      const sender = async () => {
        for (let txnid = queue.shift(); txnid !== undefined; txnid = queue.shift()) {
          // A connection of its own: on one that is kept alive, a request may cross with its end.
          const answer = await sendForm(shop.port, paid(txnid)).catch(() => undefined);
          if (answer !== undefined) {
            answered++;
            expect([200, 503]).to.include(answer.status);
            if (answer.status === 503) expect(answer.headers['retry-after']).to.equal('30');
          }
          if (answer?.status === 200) expect(await storedOf(txnid)).to.equal('S, 1 effects');
          else unanswered.push(txnid);
        }
      };
      const senders = Promise.all(Array.from({ length: 20 }, sender));
      await sleep(400);
      expect(queue.length, 'still under load').to.be.greaterThan(0);
      const report = await shop.stop();
      await senders;
      expect(report.isDrained).to.equal(true);
      expect(report.answered).to.equal(report.received);
      expect(answered).to.equal(report.received);
      expect(answered).to.be.greaterThan(10);
      expect(unanswered.length).to.be.greaterThan(0);
      // The gateway sends them again, to the next process.
      const answers = await Promise.all(unanswered.map((txnid) => successor.send(paid(txnid))));
      for (const { status } of answers) expect(status).to.equal(200);
      for (const txnid of txnids) expect(await storedOf(txnid)).to.equal('S, 1 effects');
      await successor.stop();
    });
  });

  describe('close()', () => {
    it('takes no more callbacks, and tells senders to come back', async () => {
      const { dragonpay, endpoint } = receiver();
      expect(await dragonpay.close()).to.equal(true);
      const reply = await dispatchSigned(endpoint, paymentFields());
      expect([reply.status, reply.body, reply.headers['Retry-After']]).to.deep.equal([503, 'error=closing', '30']);
    });

    it('waits for the statements of a callback that was answered at its deadline', async () => {
      const shop = receiver({ limits: { handlerMilliseconds: 100, storeMilliseconds: 100 }, connections: 1 });
      const txnid = await newPayment();
      const held = await shop.pool.connect();
      expect(await shop.told(txnid)).to.equal('503 error=unstored');
      expect(await shop.dragonpay.close({ milliseconds: 50 })).to.equal(false);
      held.release();
      expect(await shop.dragonpay.close()).to.equal(true);
      expect(await storedOf(txnid)).to.equal('S, 1 effects');
    });

    it('is bound, whatever handlers do', async () => {
      const shop = receiver({ limits: { handlerMilliseconds: 1_500 } });
      shop.work = () => new Promise(() => {});
      const answer = shop.told(await newPayment());
      await sleep(100);
      const startedAt = performance.now();
      expect(await shop.dragonpay.close({ milliseconds: 200 })).to.equal(false);
      expect(performance.now() - startedAt).to.be.within(190, 1_000);
      expect(await answer).to.equal('503 error=handler-deadline');
      expect(await shop.dragonpay.close()).to.equal(true);
    });
  });

  describe('a handler past its deadline', () => {
    const handlers: Record<string, Work> = {
      'that never returns': async (callback) => {
        await effect(callback);
        await new Promise(() => {});
      },
      'that waits for a query': async (callback) => {
        await effect(callback);
        await sql`select pg_sleep(30)`.execute(callback.trx);
      },
      'that waits for the lock of another session': async (callback) => {
        await effect(callback);
        await sql`select pg_advisory_xact_lock(4711)`.execute(callback.trx);
      },
      'that returns the promise of another library': (callback) => {
        const done = effect(callback) as Promise<unknown>;
        // biome-ignore lint/suspicious/noThenProperty: that is what such a promise is
        return { then: (resolve: () => void) => void done.then(() => setTimeout(resolve, 5_000)) };
      },
    };
    for (const isNamed of [true, false]) {
      for (const connections of [1, 2]) {
        for (const [name, work] of Object.entries(handlers)) {
          const pool = `${isNamed ? '' : 'plain '}pool of ${connections}`;
          it(`${name} is rolled back and answered 503, and the ${pool} serves the next one`, async () => {
            const other = await database.pool.connect();
            await other.query('select pg_advisory_lock(4711)');
            try {
              const shop = receiver({ connections, isNamed, limits: { handlerMilliseconds: 300 } });
              const txnid = await newPayment();
              shop.work = work;
              const startedAt = performance.now();
              expect(await shop.told(txnid)).to.equal('503 error=handler-deadline');
              expect(performance.now() - startedAt).to.be.within(290, 2_500);
              expect(await storedOf(txnid)).to.equal('P, 0 effects');
              shop.work = effect;
              expect(await shop.told(txnid)).to.equal('200 applied');
              expect(await storedOf(txnid)).to.equal('S, 1 effects');
              const { rows } = await database.pool.query(`select count(*)::int as open from pg_stat_activity
where datname = current_database() and xact_start is not null and pid <> pg_backend_pid() and backend_type = 'client backend'`);
              expect(rows[0].open).to.equal(0);
            } finally {
              await other.query('select pg_advisory_unlock(4711)');
              other.release();
            }
          });
        }
      }
    }

    it('sees its signal abort', async () => {
      const shop = receiver({ limits: { handlerMilliseconds: 100 } });
      let reason: unknown;
      shop.work = ({ signal }) =>
        new Promise(() => {
          signal.addEventListener('abort', () => {
            reason = signal.reason;
          });
        });
      expect(await shop.told(await newPayment())).to.equal('503 error=handler-deadline');
      expect(reason).to.include({ code: 'handler-deadline' });
    });

    const uses: Record<string, (callback: StoredCallback<Database>, shop: Receiver) => Promise<unknown>> = {
      'a query': async (callback) => effect(callback),
      'raw SQL': ({ trx, data }) => sql`insert into shop_effects values (${data.txnid}, 'late')`.execute(trx),
      'a compiled query': ({ trx, data }) =>
        trx.executeQuery(CompiledQuery.raw(`insert into shop_effects values ('${data.txnid}', 'late')`)),
      'a query in a schema': ({ trx, data: { txnid } }) =>
        trx.withSchema('public').insertInto('shop_effects').values({ txnid, handler: 'late' }).execute(),
      'a query without plugins': ({ trx, data: { txnid } }) =>
        trx.withoutPlugins().insertInto('shop_effects').values({ txnid, handler: 'late' }).execute(),
      'a query with another plugin': ({ trx, data: { txnid } }) =>
        trx.withPlugin(new CamelCasePlugin()).insertInto('shop_effects').values({ txnid, handler: 'late' }).execute(),
      'a nested look at the row': (callback) => callback.stored(),
      'a payment that is created': ({ trx, data }, { repository }) =>
        repository.createTransaction(
          { txnid: `${data.txnid}-late`, amount: '1.00' },
          { trx: trx as Transaction<Database> },
        ),
    };
    for (const [name, use] of Object.entries(uses)) {
      for (const isBusy of [false, true]) {
        it(`cannot use its transaction any more: ${name}${isBusy ? ', while a query still runs' : ''}`, async () => {
          const shop = receiver({ connections: 1, limits: { handlerMilliseconds: 150 } });
          const txnid = await newPayment();
          let tried: Promise<unknown> | undefined;
          shop.work = async (callback) => {
            const running = isBusy ? sql`select pg_sleep(30)`.execute(callback.trx).catch(() => {}) : undefined;
            // With a query under way, just behind the deadline: ROLLBACK waits for that query.
            await sleep(isBusy ? 155 : 400);
            tried = Promise.resolve(use(callback, shop)).then(
              () => 'worked',
              (error: Error) => error.message,
            );
            await running;
          };
          expect(await shop.told(txnid)).to.equal('503 error=handler-deadline');
          while (tried === undefined) await sleep(10);
          expect(await tried).to.not.equal('worked');
          expect(await storedOf(txnid)).to.equal('P, 0 effects');
          expect(await shop.repository.findTransaction(`${txnid}-late`)).to.equal(undefined);
        });
      }
    }
  });

  const strays: Record<string, (trx: Transaction<Database>) => Promise<unknown>> = {
    'a query': (trx) => sql`select 1 / 0`.execute(trx),
    'a compiled query': (trx) => trx.executeQuery(CompiledQuery.raw('select 1 / 0')),
    'a query without plugins': (trx) => sql`select 1 / 0`.execute(trx.withoutPlugins()),
    'a compiled query without plugins': (trx) => trx.withoutPlugins().executeQuery(CompiledQuery.raw('select 1 / 0')),
  };
  for (const [name, stray] of Object.entries(strays)) {
    it(`a handler cannot spoil the commit by what it left behind: ${name}`, async () => {
      const shop = receiver();
      const txnid = await newPayment();
      let failure: Promise<string> | undefined;
      shop.work = async (callback) => {
        await effect(callback);
        // After this method has returned, and before COMMIT is sent.
        setImmediate(() => {
          failure = stray(callback.trx).then(
            () => 'worked',
            ({ message }: Error) => message,
          );
        });
      };
      expect(await shop.told(txnid)).to.equal('200 applied');
      expect(await storedOf(txnid)).to.equal('S, 1 effects');
      expect(await failure).to.equal('the transaction of this callback is over');
    });
  }

  it('time-outs of the server are set in our own transactions, and nowhere else', async () => {
    const shop = receiver({ connections: 1, limits: { handlerMilliseconds: 400 } });
    const timeouts = async (query: (statement: string) => Promise<{ rows: object[] }>) => {
      const { rows: one } = await query('show statement_timeout');
      const { rows: other } = await query('show idle_in_transaction_session_timeout');
      return { ...one[0], ...other[0] };
    };
    const none = { statement_timeout: '0', idle_in_transaction_session_timeout: '0' };
    const onPool = () => timeouts((statement) => shop.pool.query(statement));
    expect(await onPool()).to.deep.equal(none);
    let within: object = {};
    const ends: Array<[string, Work]> = [
      ['200 applied', effect],
      ['500 error=handler-failed', () => Promise.reject(new Error('thrown'))],
      ['503 error=handler-deadline', () => new Promise(() => {})],
    ];
    for (const [answer, work] of ends) {
      shop.work = async (callback) => {
        within = await timeouts((statement) => callback.trx.executeQuery(CompiledQuery.raw(statement)));
        await work(callback);
      };
      expect(await shop.told(await newPayment())).to.equal(answer);
      // The handler's own deadline comes first: the server ends what stands still.
      expect(within).to.deep.equal({ statement_timeout: '1400ms', idle_in_transaction_session_timeout: '1400ms' });
      expect(await onPool()).to.deep.equal(none);
    }
  });

  it('a client that goes away changes nothing about what is stored', async () => {
    const shop = receiver();
    let isEntered = () => {};
    const entered = new Promise<void>((resolve) => {
      isEntered = resolve;
    });
    shop.work = async (callback) => {
      isEntered();
      await sleep(200);
      await effect(callback);
    };
    const server = createServer(toNodeListener(shop.endpoint)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const txnid = await newPayment();
      const body = encodeCallback(signCallback(paymentFields({ txnid }), { sha1: { secretKey } }));
      const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
      client.write(`POST / HTTP/1.1\r\nHost: shop\r\nContent-Type: application/x-www-form-urlencoded\r\n`);
      client.write(`Content-Length: ${body.length}\r\n\r\n${body}`);
      await entered;
      client.destroy();
      expect(await shop.dragonpay.close()).to.equal(true);
      expect(await storedOf(txnid)).to.equal('S, 1 effects');
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  describe('a connection that dies', () => {
    const move = 'dragonpay-payment-move';
    const cases: ReadonlyArray<{
      at: string;
      what: string;
      verdict: Verdict;
      status: string;
      kept: string;
      again: string;
    }> = [
      { at: 'commit\0', what: 'before COMMIT', verdict: 'cut', status: 'S', kept: 'P, 0 effects', again: 'applied' },
      ...(['swallow', 'silence'] as const).map((verdict) => ({
        ...{ at: 'commit\0', what: `between COMMIT and its answer (${verdict})`, verdict, status: 'S' },
        ...{ kept: 'S, 1 effects', again: 'duplicate' },
      })),
      // U has no @OnStatus method: one statement is all.
      {
        at: move,
        what: 'before the one statement',
        verdict: 'cut',
        status: 'U',
        kept: 'P, 0 effects',
        again: 'applied',
      },
      {
        ...{ at: move, what: 'between the one statement and its answer', verdict: 'swallow', status: 'U' },
        ...{ kept: 'U, 0 effects', again: 'duplicate' },
      },
    ];
    for (const isNamed of [true, false]) {
      for (const { at, what, verdict, status, kept, again } of cases) {
        const pool = isNamed ? 'pool' : 'plain pool';
        it(`${what} answers 5xx, and the next try ends in the same state (${pool})`, async () => {
          const proxy = await CuttingProxy.start(Number(new URL(database.url).port));
          const shop = receiver({ isNamed }, proxy.through(database.url));
          const txnid = await newPayment();
          let cuts = 0;
          proxy.judge = (said) => (said.includes(at) && cuts++ === 0 ? verdict : 'pass');
          try {
            expect(await shop.told(txnid, status)).to.equal('503 error=unstored');
            expect(cuts).to.equal(1);
            expect(await storedOf(txnid)).to.equal(kept);
            expect(await shop.told(txnid, status)).to.equal(`200 ${again}`);
            expect(await storedOf(txnid)).to.equal(status === 'S' ? 'S, 1 effects' : 'U, 0 effects');
            const [event] = await shop.repository.callbacks({ txnid });
            expect(event).to.include({ outcome: 'applied', deliveries: again === 'applied' ? 1 : 2 });
          } finally {
            await proxy.close();
          }
        });
      }
    }
  });

  it('a connection that dies in the packet that it became ready in does not end the process', async () => {
    const message = (type: string, body: Buffer) => {
      const length = Buffer.alloc(4);
      length.writeInt32BE(4 + body.length);
      return Buffer.concat([Buffer.from(type), length, body]);
    };
    const fatal = message('E', Buffer.from('SFATAL\0C57P01\0Mgoing down\0\0'));
    const readyAndGone = Buffer.concat([message('R', Buffer.alloc(4)), message('Z', Buffer.from('I')), fatal]);
    const server = createTcpServer((socket) => socket.once('data', () => socket.end(readyAndGone)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const shop = receiver({ connections: 1 }, `postgres://nobody@127.0.0.1:${port}/nothing?sslmode=disable`);
    expect(await shop.told('anybody')).to.equal('503 error=unstored');
    // An error that nobody heard would have failed this test by now.
    await sleep(50);
    server.close();
  });

  describe('late and contradictory news', () => {
    interface News {
      readonly before: string;
      readonly status: string;
      readonly fields?: Record<string, string>;
      readonly outcome: string;
      readonly reason: ReviewReason;
    }
    const news: readonly News[] = [
      ...['V', 'F', 'E'].map((before) => ({ before, status: 'S', outcome: 'applied', reason: 'late' as const })),
      ...['P', 'F', 'V'].map((status) => ({ before: 'S', status, outcome: 'stale', reason: 'stale' as const })),
      { before: 'P', status: 'S', fields: { amount: '100.01' }, outcome: 'mismatch', reason: 'amount' },
      { before: 'P', status: 'S', fields: { ccy: 'USD' }, outcome: 'mismatch', reason: 'currency' },
      { before: 'P', status: 'S', fields: { refno: 'ANOTHER' }, outcome: 'mismatch', reason: 'refno' },
    ];
    for (const { before, status, fields = {}, outcome, reason } of news) {
      it(`${reason}: ${status} after ${before}${JSON.stringify(fields)} is told, and found by one query`, async () => {
        const told: StoredEvent[] = [];
        const hooks = {
          stored: (event: StoredEvent) => void told.push(event),
          rejected: () => {},
          handlerFailed: () => {},
        };
        const shop = receiver({ hooks });
        const txnid = await newPayment();
        let late: boolean | undefined;
        expect(await shop.told(txnid, before)).to.equal('200 applied');
        shop.work = ({ update }) => {
          late = update.late;
        };
        expect(await shop.told(txnid, status, fields)).to.equal(`200 ${outcome}`);
        expect(late).to.equal(reason === 'late' ? true : undefined);
        const { update } = told.at(-1) as StoredEvent;
        expect(update.outcome).to.equal(outcome);
        if (update.outcome === 'applied') expect(update.late).to.equal(true);
        if (update.outcome === 'mismatch') expect(update.differs).to.deep.equal([reason]);
        const isIt = (event: InboxEvent) => event.id === txnid && event.status === status;
        expect((await allOf(shop, { reason })).filter(isIt)).to.have.length(1);
        expect((await allOf(shop, { outcome: outcome as 'stale' })).filter(isIt)).to.have.length(1);
        expect((await allOf(shop, { reason: 'unrecognized' })).filter(isIt)).to.deep.equal([]);
      });
    }
  });

  /** Reads the inbox to its end, page by page. */
  async function allOf(
    { repository }: Receiver,
    filter: Parameters<KyselyRepository['callbacks']>[0],
    betweenPages: () => Promise<unknown> = async () => {},
  ): Promise<InboxEvent[]> {
    const all: InboxEvent[] = [];
    for (let after: string | undefined; ; ) {
      const page = await repository.callbacks({ limit: 10, ...filter, ...(after !== undefined && { after }) });
      all.push(...page);
      after = page.at(-1)?.cursor;
      if (after === undefined) return all;
      await betweenPages();
    }
  }

  describe('the inbox', () => {
    it('read page by page returns each event once, while others arrive and old ones come again', async () => {
      const shop = receiver();
      const since = new Date();
      const deliver = async (number: number) => shop.told(`inbox-${number}`, 'S', { refno: `R${number}` });
      await Promise.all(Array.from({ length: 95 }, (_, number) => deliver(number)));
      let arriving = 95;
      const seen = await allOf(shop, { since, limit: 7 }, async () => {
        if (arriving < 125) await Promise.all([deliver(arriving++), deliver(arriving++), deliver(arriving % 90)]);
      });
      const ids = seen.map(({ id }) => id);
      expect(ids).to.have.length(new Set(ids).size);
      for (let number = 0; number < arriving; number++) expect(ids).to.include(`inbox-${number}`);
    });

    it('is pruned in batches, past what others hold, and callbacks that arrive meanwhile are all recorded', async () => {
      const shop = receiver({ connections: 6 });
      await database.pool.query('delete from dragonpay_callbacks');
      await database.pool.query(`insert into dragonpay_callbacks
(kind, id, refno, status, first_seen, last_seen, outcome, proof, key_id, method, raw)
select 'payment', 'old-' || n, 'R1', 'S', now() - interval '2 days', now() - interval '1 day', 'not-found', 'sha1', 'k', 'POST', ''
from generate_series(1, 20000) n`);
      const holder = await database.pool.connect();
      await holder.query('begin');
      await holder.query(`select from dragonpay_callbacks where id = 'old-7' for update`);
      const before = new Date(Date.now() - 3_600_000);
      let isPruned = false;
      const pruning = shop.repository.pruneCallbacks(before, { batch: 500 }).finally(() => {
        isPruned = true;
      });
      const delivered: string[] = [];
      let longest = 0;
      for (let number = 20_000; !isPruned && number > 10; number -= 3) {
        const startedAt = performance.now();
        expect(await shop.told(`old-${number}`)).to.equal('200 not-found');
        longest = Math.max(longest, performance.now() - startedAt);
        delivered.push(`old-${number}`);
      }
      // It did not wait for the row that is held, and nobody waited long for it.
      const count = await pruning;
      expect(longest).to.be.below(1_000);
      expect(delivered.length).to.be.greaterThan(5);
      await holder.query('rollback');
      holder.release();
      const { rows } = await database.pool.query('select id from dragonpay_callbacks order by id');
      const left = rows.map(({ id }) => id as string);
      expect(left).to.include.members(['old-7', ...delivered]);
      expect(left).to.have.length(delivered.length + 1);
      expect(count).to.be.within(20_000 - delivered.length - 1, 19_999);
      expect(await shop.repository.pruneCallbacks(before)).to.equal(1);
    });
  });
});
