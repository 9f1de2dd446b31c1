import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type Kysely, sql, type Transaction } from 'kysely';
import { DragonpayCallback, OnStatus } from '../../src/index.js';
import { type DragonpayTables, KyselyRepository } from '../../src/kysely.js';
import { type CreatedDatabase, describeDatabases } from '../support/databases.js';
import { dispatchSigned, paymentFields, testDragonpay } from '../support/dispatch-signed.js';
import { hearUnhandledRejections } from '../support/unhandled-rejections.js';

interface Tables extends DragonpayTables {
  effects: { txnid: string; what: string };
}
type Trx = Transaction<Tables>;

const write = (trx: Trx, txnid: string, what: string) => trx.insertInto('effects').values({ txnid, what }).execute();

/** Methods that do not await a query of `callback.trx`. */
const methods: Readonly<Record<string, (trx: Trx, txnid: string) => unknown>> = {
  'one query': (trx, txnid) => void write(trx, txnid, 'stock taken'),
  'two steps of a helper'(trx, txnid) {
    void (async () => {
      await write(trx, txnid, 'stock taken');
      await write(trx, txnid, 'invoice written');
    })();
  },
  'several queries at once'(trx, txnid) {
    for (const what of ['a', 'b', 'c']) void write(trx, txnid, what);
  },
  'forEach with an async function'(trx, txnid) {
    ['a', 'b', 'c'].forEach(async (what) => {
      await trx.selectFrom('effects').select('what').execute();
      await write(trx, txnid, what);
    });
  },
  // This query begins just before COMMIT.
  'a query one tick later'(trx, txnid) {
    void Promise.resolve().then(() => write(trx, txnid, 'stock taken'));
  },
  async 'the last of two queries'(trx, txnid) {
    await write(trx, txnid, 'stock taken');
    void write(trx, txnid, 'invoice written');
  },
  'a query that fails': (trx) => void sql`select nothing`.execute(trx),
  'a compiled query'(trx, txnid) {
    void trx.executeQuery(trx.insertInto('effects').values({ txnid, what: 'stock taken' }).compile());
  },
  'a query through withoutPlugins': (trx, txnid) => void write(trx.withoutPlugins(), txnid, 'stock taken'),
  'a list of promises': (trx, txnid) => [sleep(5).then(() => write(trx, txnid, 'stock taken'))],
  'a query without execute()': (trx, txnid) => trx.insertInto('effects').values({ txnid, what: 'stock taken' }),
  *'a generator'(trx, txnid) {
    yield write(trx, txnid, 'stock taken');
  },
  async *'an asynchronous generator'(trx, txnid) {
    yield await write(trx, txnid, 'stock taken');
  },
  'an Observable': (trx, txnid) => ({ subscribe: () => write(trx, txnid, 'stock taken'), pipe() {} }),
};

describeDatabases('A missing await in an @OnStatus method', ({ name, dialect, create }) => {
  let database: CreatedDatabase;
  let db: Kysely<Tables>;
  let repository: KyselyRepository<Tables>;
  let count = 0;
  const unhandled = hearUnhandledRejections();

  before(async () => {
    database = await create();
    db = database.connect() as unknown as Kysely<Tables>;
    repository = new KyselyRepository(db, { dialect });
    await sql`create table effects (txnid varchar(40), what varchar(40))`.execute(db);
  });
  after(() => database?.destroy());

  /**
   * Delivers a callback to a class with the method. Resolves to the reply, the row's status and the rows that were
   * written.
   */
  async function deliver(method: (trx: Trx, txnid: string) => unknown) {
    @DragonpayCallback()
    class Forgetful {
      @OnStatus('S') reach({ trx, data }: { trx: Trx; data: { txnid: string } }) {
        return method(trx, data.txnid) as void;
      }
    }
    const txnid = `T-${++count}`;
    await repository.createPayment({ txnid, amount: '100.00' });
    const errors: unknown[] = [];
    const hooks = { stored() {}, handlerFailed: ({ error }: { error: unknown }) => errors.push(String(error)) };
    const endpoint = testDragonpay({ repository, hooks }).endpoint(Forgetful);
    const { status } = await dispatchSigned(endpoint, paymentFields({ txnid }));
    const written = await db.selectFrom('effects').select('what').where('txnid', '=', txnid).execute();
    return { status, row: (await repository.findPayment(txnid))?.status, written, errors: errors.join() };
  }

  for (const [what, method] of Object.entries(methods)) {
    it(`is told apart, and nothing is stored: ${what}`, async () => {
      // There are more rounds than connections in the pool: each round must give its connection back.
      for (let round = 0; round < 5; round++) {
        const { errors, ...result } = await deliver(method);
        expect(result).to.deep.equal({ status: 500, row: 'P', written: [] });
        expect(errors).to.match(/an await is missing/);
      }
      expect(unhandled).to.deep.equal([]);
    });
  }

  it('of a query that comes after the commit is warned of once, and the process lives', async () => {
    const warnings: string[] = [];
    const warn = ({ message }: Error) => void warnings.push(message);
    process.on('warning', warn);
    let goOn = () => {};
    const answered = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const stored = await deliver((trx, txnid) => {
      void (async () => {
        await answered;
        await write(trx, txnid, 'stock taken');
        await write(trx, txnid, 'invoice written');
      })();
    });
    const warned = once(process, 'warning');
    goOn();
    await warned;
    await sleep(20);
    process.off('warning', warn);
    expect(stored).to.deep.equal({ status: 200, row: 'S', written: [], errors: '' });
    expect(await db.selectFrom('effects').select('what').where('txnid', '=', `T-${count}`).execute()).to.deep.equal([]);
    expect(warnings.filter((one) => one.includes('an await is missing'))).to.have.lengthOf(1);
    expect(unhandled).to.deep.equal([]);
  });

  // For streams from PostgreSQL, Kysely needs another package.
  if (name !== 'PostgreSQL') {
    it('is told from a query inside the loop that reads a stream, which is refused at once', async () => {
      const { errors, ...result } = await deliver(async (trx, txnid) => {
        await write(trx, txnid, 'stock taken');
        for await (const { what } of trx.selectFrom('effects').select('what').stream(1)) await write(trx, txnid, what);
      });
      expect(result).to.deep.equal({ status: 500, row: 'P', written: [] });
      expect(errors).to.match(/a stream of callback.trx must be read to its end before the next query/);
    });

    it('leaves a stream, which keeps neither a connection nor a lock', async () => {
      const leave = async (trx: Trx, txnid: string) => {
        await write(trx, txnid, 'stock taken');
        await write(trx, txnid, 'invoice written');
        const rows = trx.selectFrom('effects').select('what').stream(1)[Symbol.asyncIterator]();
        await rows.next();
      };
      // There are more rounds than connections in the pool.
      for (let round = 0; round < 12; round++) {
        const { errors, ...result } = await deliver(leave);
        expect(result).to.deep.equal({ status: 500, row: 'P', written: [] });
        expect(errors).to.match(/an await is missing/);
      }
      const read = async (trx: Trx, txnid: string) => {
        const found: string[] = [];
        await write(trx, txnid, 'stock taken');
        for await (const _ of trx.selectFrom('effects').select('what').stream(1)) break;
        for await (const { what } of trx.selectFrom('effects').select('what').stream(1)) found.push(what);
        await write(trx, txnid, `${found.length} found`);
      };
      const stored = await deliver(read);
      expect(stored).to.include({ status: 200, row: 'S', errors: '' });
      expect(stored.written).to.have.length(2);
    });
  }
});
