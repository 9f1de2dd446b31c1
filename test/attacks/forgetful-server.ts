/** A process that serves callbacks with methods that forget to await. It has no listener for rejections. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql, type Transaction } from 'kysely';
import { toNodeListener } from '../../adapters/http/node.js';
import { type CallbackReply, type CallbackRequest, DragonpayCallback, OnDispatch, OnStatus } from '../../src/index.js';
import type { DragonpayTables } from '../../src/kysely.js';
import { testEndpoint } from '../support/dispatch-signed.js';
import { openRepository } from './open-repository.js';

interface Tables extends DragonpayTables {
  effects: { txnid: string; what: string };
}
type Trx = Transaction<Tables>;
type Method = (trx: Trx, txnid: string) => unknown;

const write = (trx: Trx, txnid: string, what: string) => trx.insertInto('effects').values({ txnid, what }).execute();
const failing = (trx: Trx) => sql`select * from no_such_table`.execute(trx);
const noStock = () => {
  throw new Error('no stock');
};
/** Writes again and again, until a query rejects. */
const goOn = async (trx: Trx, txnid: string) => {
  for (let count = 0; ; count++) {
    await write(trx, txnid, `${count}`);
    await sleep(5);
  }
};

/** The methods, by the first word of the txnid. */
const methods: Readonly<Record<string, Method>> = {
  async THROWS(trx, txnid) {
    void goOn(trx, txnid);
    await sleep(20);
    noStock();
  },
  THROWSATONCE(trx, txnid) {
    ['a', 'b'].forEach(async (what) => {
      await write(trx, txnid, what);
      await write(trx, txnid, what);
    });
    noStock();
  },
  async LATE(trx, txnid) {
    void goOn(trx, txnid);
    await sleep(5_000);
  },
  async FAILS(trx) {
    void failing(trx);
    await sleep(50);
  },
  async FAILSINHELPERS(trx) {
    ['a', 'b'].forEach(async () => {
      await failing(trx);
    });
    await sleep(50);
  },
  async FAILSWRAPPED(trx) {
    void (async () => {
      try {
        await failing(trx);
      } catch (cause) {
        await sleep(20);
        throw new Error('not written', { cause });
      }
    })();
    await sleep(100);
  },
  async FAILSANDTHROWS(trx) {
    void failing(trx);
    await sleep(50);
    noStock();
  },
  async FAILSANDGOESON(trx, txnid) {
    void failing(trx);
    await sleep(50);
    await write(trx, txnid, 'invoice');
  },
  async SIBLINGS(trx, txnid) {
    const sibling = async () => {
      try {
        await goOn(trx, txnid);
      } finally {
        process.send?.({ finished: txnid });
      }
    };
    await Promise.all([sibling(), sleep(20).then(noStock)]);
  },
  /** This work does not use the transaction. */
  async UNRELATED() {
    void sleep(5).then(() => {
      throw new TypeError('unrelated');
    });
    await sleep(50);
  },
};

@DragonpayCallback()
class Forgetful {
  @OnStatus('S') async reach({ trx, data }: { trx: Trx; data: { txnid: string } }) {
    await methods[data.txnid.split('-')[0] ?? '']?.(trx, data.txnid);
  }

  @OnDispatch() around(request: CallbackRequest, next: () => Promise<CallbackReply>) {
    if (!request.target.endsWith('?next-comes-late')) return next();
    setTimeout(() => void next(), 20);
    return { status: 202, headers: {}, body: 'later' };
  }
}

const repository = openRepository();
const told: string[] = [];
const hooks = {
  rejected() {},
  stored({ error }: { error?: unknown }) {
    if (error !== undefined) told.push(`stored: ${error} ${(error as Error).cause}`);
  },
  handlerFailed({ error }: { error: unknown }) {
    told.push(`handlerFailed: ${error} ${(error as Error).cause}`);
  },
};
const endpoint = testEndpoint(Forgetful, { repository, hooks, limits: { handlerMilliseconds: 1_000 } });
const server = createServer(toNodeListener(endpoint));
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('warning', ({ message }) => told.push(`warning: ${message}`));
process.on('message', () => process.send?.({ told: told.splice(0) }));
process.on('disconnect', () => process.exit());
