import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { CamelCasePlugin, CompiledQuery, sql, type Transaction } from 'kysely';
import { toNodeListener } from '../../adapters/http/node.js';
import type { Status } from '../../src/index.js';
import type { StoredCallback } from '../../src/kysely.js';
import { encodeCallback, signCallback } from '../../src/protocol/sign-callback.js';
import { paymentFields, secretKey } from '../support/dispatch-signed.js';
import { effect, type Receiver, Receivers, type ShopDatabase, type Work } from '../support/receivers.js';

describe('@OnStatus and its time', function () {
  const receivers = Receivers.forSuite(this);

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
          it(`${name} is rolled back with 503 (${pool})`, async () => {
            const other = await receivers.database.pool.connect();
            await other.query('select pg_advisory_lock(4711)');
            try {
              const shop = receivers.make({ connections, isNamed, limits: { handlerMilliseconds: 300 } });
              const txnid = await receivers.newPayment();
              shop.work = work;
              const startedAt = performance.now();
              expect(await shop.told(txnid)).to.equal('503 error=handler-deadline');
              expect(performance.now() - startedAt).to.be.within(290, 2_500);
              expect(await receivers.storedOf(txnid)).to.equal('P, 0 effects');
              shop.work = effect;
              expect(await shop.told(txnid)).to.equal('200 applied');
              expect(await receivers.storedOf(txnid)).to.equal('S, 1 effects');
              const { rows } = await receivers.database.pool.query(`select count(*)::int as open from pg_stat_activity
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
      const shop = receivers.make({ limits: { handlerMilliseconds: 100 } });
      let reason: unknown;
      shop.work = ({ signal }) =>
        new Promise(() => {
          signal.addEventListener('abort', () => {
            reason = signal.reason;
          });
        });
      expect(await shop.told(await receivers.newPayment())).to.equal('503 error=handler-deadline');
      expect(reason).to.include({ code: 'handler-deadline' });
    });

    const waits: Record<string, [(callback: StoredCallback<Status, ShopDatabase>) => Promise<unknown>, RegExp]> = {
      'a query of callback.trx': [
        ({ trx }) => sql`select pg_sleep(30)`.execute(trx),
        /: a query of callback.trx was running$/,
      ],
      'something else': [() => new Promise(() => {}), /: it waited for something else than a query of callback.trx\. /],
    };
    for (const [what, [work, message]] of Object.entries(waits)) {
      it(`is told that it waited for ${what}`, async () => {
        const shop = receivers.make({ limits: { handlerMilliseconds: 100 } });
        let signal: AbortSignal | undefined;
        shop.work = (callback) => {
          signal = callback.signal;
          return work(callback);
        };
        expect(await shop.told(await receivers.newPayment())).to.equal('503 error=handler-deadline');
        expect(signal?.reason).to.have.property('message').that.matches(message);
      });
    }

    const uses: Record<string, (callback: StoredCallback<Status, ShopDatabase>, shop: Receiver) => Promise<unknown>> = {
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
        repository.createPayment(
          { txnid: `${data.txnid}-late`, amount: '1.00' },
          { trx: trx as Transaction<ShopDatabase> },
        ),
    };
    for (const [name, use] of Object.entries(uses)) {
      for (const isBusy of [false, true]) {
        it(`cannot use its transaction any more: ${name}${isBusy ? ', while a query still runs' : ''}`, async () => {
          const shop = receivers.make({ connections: 1, limits: { handlerMilliseconds: 150 } });
          const txnid = await receivers.newPayment();
          let tried: Promise<unknown> | undefined;
          shop.work = async (callback) => {
            const running = isBusy ? sql`select pg_sleep(30)`.execute(callback.trx).catch(() => {}) : undefined;
            // If `isBusy`, a query is under way just after the deadline, and ROLLBACK waits for it.
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
          expect(await receivers.storedOf(txnid)).to.equal('P, 0 effects');
          expect(await shop.repository.findPayment(`${txnid}-late`)).to.equal(undefined);
        });
      }
    }
  });

  const strays: Record<string, (trx: Transaction<ShopDatabase>) => Promise<unknown>> = {
    'a query': (trx) => sql`select 1 / 0`.execute(trx),
    'a compiled query': (trx) => trx.executeQuery(CompiledQuery.raw('select 1 / 0')),
    'a query without plugins': (trx) => sql`select 1 / 0`.execute(trx.withoutPlugins()),
    'a compiled query without plugins': (trx) => trx.withoutPlugins().executeQuery(CompiledQuery.raw('select 1 / 0')),
  };
  for (const [name, stray] of Object.entries(strays)) {
    it(`a handler cannot spoil the commit by what it left behind: ${name}`, async () => {
      const shop = receivers.make();
      const txnid = await receivers.newPayment();
      let late: Promise<unknown> | undefined;
      shop.work = async (callback) => {
        await effect(callback);
        // This runs after the method has returned, and before COMMIT is sent.
        setImmediate(() => {
          late = stray(callback.trx);
        });
      };
      expect(await shop.told(txnid)).to.equal('200 applied');
      expect(await receivers.storedOf(txnid)).to.equal('S, 1 effects');
      expect(await Promise.race([late, sleep(20).then(() => 'not run')])).to.equal('not run');
    });
  }

  it('time-outs of the server are set in our own transactions, and nowhere else', async () => {
    const shop = receivers.make({ connections: 1, limits: { handlerMilliseconds: 400 } });
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
      expect(await shop.told(await receivers.newPayment())).to.equal(answer);
      // The deadline of the handler comes first. The time-out of the server is for processes that hang.
      expect(within).to.deep.equal({ statement_timeout: '1400ms', idle_in_transaction_session_timeout: '1400ms' });
      expect(await onPool()).to.deep.equal(none);
    }
  });

  it('a client that goes away changes nothing about what is stored', async () => {
    const shop = receivers.make();
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
      const txnid = await receivers.newPayment();
      const body = encodeCallback(signCallback(paymentFields({ txnid }), { sha1: { secretKey } }));
      const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
      client.write(`POST / HTTP/1.1\r\nHost: shop\r\nContent-Type: application/x-www-form-urlencoded\r\n`);
      client.write(`Content-Length: ${body.length}\r\n\r\n${body}`);
      await entered;
      client.destroy();
      expect(await shop.dragonpay.close()).to.equal(true);
      expect(await receivers.storedOf(txnid)).to.equal('S, 1 effects');
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
