import { expect } from 'chai';
import { type Kysely, sql, type Transaction } from 'kysely';
import { DragonpayCallback, OnStatus } from '../../src/index.js';
import { type DragonpayTables, KyselyRepository } from '../../src/kysely.js';
import { type CreatedDatabase, describeDatabases } from '../support/databases.js';
import { dispatchSigned, paymentFields, testDragonpay } from '../support/dispatch-signed.js';

interface Tables extends DragonpayTables {
  effects: { txnid: string; what: string };
}
type Trx = Transaction<Tables>;

const write = (trx: Trx, txnid: string, what: string) => trx.insertInto('effects').values({ txnid, what }).execute();

/** Methods that leave a query of `callback.trx` behind. */
const methods: Readonly<Record<string, (trx: Trx, txnid: string) => void | Promise<void>>> = {
  'two steps of a helper'(trx, txnid) {
    void (async () => {
      await write(trx, txnid, 'stock taken');
      await write(trx, txnid, 'invoice written');
    })();
  },
  'forEach with an async function'(trx, txnid) {
    ['a', 'b', 'c'].forEach(async (what) => {
      await trx.selectFrom('effects').select('what').execute();
      await write(trx, txnid, what);
    });
  },
  'a query one tick later'(trx, txnid) {
    void Promise.resolve().then(() => write(trx, txnid, 'stock taken'));
  },
  async 'the last of two queries'(trx, txnid) {
    await write(trx, txnid, 'stock taken');
    void write(trx, txnid, 'invoice written');
  },
};

describeDatabases('A missing await in an @OnStatus method', ({ name, dialect, create }) => {
  let database: CreatedDatabase;
  let db: Kysely<Tables>;
  let repository: KyselyRepository<Tables>;
  let count = 0;

  before(async () => {
    database = await create();
    db = database.db as unknown as Kysely<Tables>;
    repository = new KyselyRepository(db, { dialect });
    await sql`create table effects (txnid varchar(40), what varchar(40))`.execute(db);
  });
  after(() => database?.destroy());

  /** Delivers a callback to a class with the method. Resolves to the reply, the row's status and what was written. */
  async function deliver(method: (trx: Trx, txnid: string) => void | Promise<void>) {
    @DragonpayCallback()
    class Forgetful {
      @OnStatus('S') reach({ trx, data }: { trx: Trx; data: { txnid: string } }) {
        return method(trx, data.txnid);
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
      const { errors, ...result } = await deliver(method);
      expect(result).to.deep.equal({ status: 500, row: 'P', written: [] });
      expect(errors).to.match(/an await is missing/);
    });
  }

  // Kysely streams from PostgreSQL only with a package of its own.
  if (name !== 'PostgreSQL') {
    it('leaves a stream, which keeps neither a connection nor a lock', async () => {
      const leave = async (trx: Trx, txnid: string) => {
        await write(trx, txnid, 'stock taken');
        await write(trx, txnid, 'invoice written');
        const rows = trx.selectFrom('effects').select('what').stream(1)[Symbol.asyncIterator]();
        await rows.next();
      };
      // More often than the pool has connections.
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
