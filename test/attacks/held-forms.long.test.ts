import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { toNodeListener } from '../../adapters/http/node.js';
import { DragonpayCallback, OnStatus } from '../../src/index.js';
import { KyselyRepository, type KyselyRepositoryOptions } from '../../src/kysely.js';
import { encodeCallback, signCallback } from '../../src/protocol/sign-callback.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { paymentFields, secretKey, testEndpoint } from '../support/dispatch-signed.js';
import { memoryInUse } from '../support/memory-in-use.js';

const senders = 60;
/** Bytes of each long form. */
const long = 15_000;

/** Holds back the `@OnStatus` methods. */
let gate: { readonly promise: Promise<void>; readonly resolve: () => void };

function makeGate(): typeof gate {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

@DragonpayCallback()
class Shipping {
  @OnStatus('S') async ship({ data }: { data: { txnid: string } }) {
    if (!data.txnid.startsWith('T-')) await gate.promise;
  }
}

/** The form of a genuine callback, as long as asked for. The values that are used are longer than those V8 copies. */
function formOf(txnid: string, length: number): string {
  const fields = paymentFields({ txnid, message: 'paid over the counter', param1: 'a parameter of the shop' });
  const form = `${encodeCallback(signCallback(fields, { sha1: { secretKey } }))}&padding=`;
  return form + 'x'.repeat(Math.max(0, length - form.length));
}

describe('A long form', () => {
  let database: TestDatabase;
  let count = 0;

  before(async () => {
    database = await createTestDatabase();
  });
  beforeEach(() => {
    gate = makeGate();
  });
  afterEach(() => gate.resolve());
  after(() => database?.destroy());

  /**
   * Sends a form on a connection for each txnid. Returns how much memory one of them holds once all wait, in bytes, and
   * a function that waits for the replies.
   */
  async function heldByEach(options: KyselyRepositoryOptions, txnids: readonly string[], length: number) {
    const repository = new KyselyRepository(database.db, options);
    let arrived = 0;
    const hooks = { received: () => arrived++, stored() {}, handlerFailed() {} };
    const limits = { earlyMilliseconds: 1_500, storeMilliseconds: 5_000 };
    const server = createServer(toNodeListener(testEndpoint(Shipping, { repository, hooks, limits })));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const replies: string[] = [];
    const sockets: Socket[] = [];
    for (const _ of txnids) {
      const socket = connect(port, '127.0.0.1').setEncoding('latin1');
      socket.on('data', (text: string) => replies.push(text.slice(9, 12)));
      await once(socket, 'connect');
      sockets.push(socket);
    }
    const before = await memoryInUse();
    for (const [index, txnid] of txnids.entries()) {
      const head = `POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: `;
      const form = formOf(txnid, length);
      sockets[index]?.write(`${head}${form.length}\r\n\r\n${form}`);
      // The first one of the copies is being stored when the others arrive.
      if (index === 0) await sleep(50);
    }
    while (arrived < txnids.length) await sleep(10);
    await sleep(100);
    const held = ((await memoryInUse()) - before) / txnids.length;
    expect(replies, 'answered already').to.have.length(0);
    const settle = async () => {
      gate.resolve();
      while (replies.length < txnids.length) await sleep(10);
      for (const socket of sockets) socket.destroy();
      server.close();
      return replies;
    };
    return { held, settle };
  }

  /** How many bytes more a waiting callback with a long form holds than one with a short form. */
  async function heldForms(
    options: KyselyRepositoryOptions,
    makeTxnids: () => Promise<readonly string[]>,
    expected: string,
  ): Promise<number> {
    const measured: number[] = [];
    for (const length of [0, 0, long, long]) {
      gate = makeGate();
      const txnids = await makeTxnids();
      const { held, settle } = await heldByEach(options, txnids, length);
      measured.push(held);
      expect(new Set(await settle())).to.deep.equal(new Set([expected]));
    }
    // The first run also pays for what is made once. Of the long ones the smaller counts: other memory may grow meanwhile.
    const [, short, ...withLong] = measured as [number, number, ...number[]];
    return Math.min(...withLong) - short;
  }

  const names = (prefix: string) => Array.from({ length: senders }, () => `${prefix}-${++count}`);

  async function created(prefix: string): Promise<readonly string[]> {
    const txnids = names(prefix);
    const repository = new KyselyRepository(database.db);
    for (const txnid of txnids) await repository.createPayment({ txnid, amount: '100.00' });
    return txnids;
  }

  it('is not held by a copy that waits for another one', async () => {
    const copies = async () => Array<string>(senders).fill((await created('GATED'))[0] as string);
    expect(await heldForms({}, copies, '200')).to.be.below(long / 10);
  });

  it('is held once by a callback that waits for its method', async () => {
    const held = await heldForms({ effects: 1, busyMilliseconds: 5_000 }, () => created('GATED'), '200');
    expect(held).to.be.within(long / 2, 1.3 * long);
  });

  it('is held at most once by a callback that waits for its row', async () => {
    const held = await heldForms({}, async () => names('EARLY'), '200');
    expect(held).to.be.below(1.3 * long);
  });
});
