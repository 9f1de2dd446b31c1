import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type DragonpayTables, KyselyRepository } from '../../src/kysely.js';
import { encodeCallback, signCallback } from '../../src/protocol/sign-callback.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { paymentFields, secretKey } from '../support/dispatch-signed.js';
import { nextMessage, start } from './attacked.js';

const senders = 100;
/** Bytes of each long form. Other memory of the server may grow by a few hundred bytes for each sender. */
const long = 60_000;

/** The form of a genuine callback, as long as asked for. The values that are used are longer than those V8 copies. */
function formOf(txnid: string, length: number): string {
  const fields = paymentFields({ txnid, message: 'paid over the counter', param1: 'a parameter of the shop' });
  const form = `${encodeCallback(signCallback(fields, { sha1: { secretKey } }))}&padding=`;
  return form + 'x'.repeat(Math.max(0, length - form.length));
}

function requestOf(txnid: string, length: number): string {
  const form = formOf(txnid, length);
  const head = `POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: `;
  return `${head}${form.length}\r\n\r\n${form}`;
}

const medianOf = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Payments whose callbacks wait. */
interface Waiting {
  readonly txnids: readonly string[];
  /** Whether all of them wait, once their requests were read. Default: soon. */
  areWaiting?(): Promise<boolean>;
  /** Ends their waiting. */
  end(): Promise<unknown>;
}

describe('A long form', function () {
  this.timeout(300_000);
  let database: TestDatabase;
  let repository: KyselyRepository<DragonpayTables>;
  let server: ChildProcess;
  let port: number;
  let count = 0;

  before(async () => {
    database = await createTestDatabase();
    repository = new KyselyRepository(database.db);
  });
  beforeEach(async () => {
    // A process of its own: the memory of the other tests grows and shrinks.
    server = start('waiting-server.ts', { ATTACKED_DATABASE: database.url });
    port = await nextMessage<number>(server);
  });
  afterEach(() => server?.connected && server.disconnect());
  after(() => database?.destroy());

  function ask(order: string): Promise<number> {
    const answer = nextMessage<number>(server);
    server.send(order);
    return answer;
  }
  async function until(order: string, value: number): Promise<void> {
    while ((await ask(order)) !== value) await sleep(10);
  }

  /** Sends a form on a connection for each payment. Resolves to the memory that each holds while all wait, in bytes. */
  async function heldByEach({ txnids, areWaiting, end }: Waiting, length: number): Promise<number> {
    const statuses: string[] = [];
    const sockets: Socket[] = [];
    for (const _ of txnids) {
      const socket = connect(port, '127.0.0.1').setEncoding('latin1');
      socket.on('data', (text: string) => statuses.push(text.slice(9, 12)));
      await once(socket, 'connect');
      sockets.push(socket);
    }
    await until('connections', senders);
    const before = await ask('memory');
    let bytes = 0;
    for (const [index, txnid] of txnids.entries()) {
      const request = requestOf(txnid, length);
      sockets[index]?.write(request);
      bytes += request.length;
      // The first one of the copies is being stored when the others arrive.
      if (index === 0) await sleep(100);
    }
    await until('bytesRead', bytes);
    while ((await areWaiting?.()) === false) await sleep(10);
    await sleep(400);
    // A statement that tries a locked row again holds the form meanwhile. The smallest value is that between two tries.
    const held: number[] = [];
    while (held.length < 4) held.push(((await ask('memory')) - before) / senders);
    expect(statuses, 'answered already').to.have.length(0);
    await end();
    while (statuses.length < senders) await sleep(10);
    expect(new Set(statuses)).to.deep.equal(new Set(['200']));
    for (const socket of sockets) socket.destroy();
    await until('connections', 0);
    return Math.min(...held);
  }

  /** How often a long form is held while its callback waits. */
  async function timesHeld(prepare: () => Promise<Waiting>): Promise<number> {
    const measured: Record<number, number[]> = { 0: [], [long]: [] };
    for (let round = 0; round < 4; round++) {
      for (const length of [0, long]) measured[length]?.push(await heldByEach(await prepare(), length));
    }
    // The first round also pays for what is made once, such as the connections and their buffers.
    const [short = [], withLong = []] = Object.values(measured).map((values) => values.slice(1));
    return (medianOf(withLong) - medianOf(short)) / long;
  }

  const names = (prefix: string) => Array.from({ length: senders }, () => `${prefix}-${++count}`);

  async function create(txnids: readonly string[]): Promise<readonly string[]> {
    for (const txnid of new Set(txnids)) await repository.createPayment({ txnid, amount: '100.00' });
    return txnids;
  }

  async function gated(txnids: readonly string[]): Promise<Waiting> {
    await ask('closeGate');
    return { txnids: await create(txnids), end: () => ask('openGate') };
  }

  it('is not held by a copy that waits for another one', async () => {
    const held = await timesHeld(() => gated(Array<string>(senders).fill(`GATED-${++count}`)));
    expect(held).to.be.below(0.1);
  });

  it('is held once by a callback that waits for its method', async () => {
    expect(await timesHeld(() => gated(names('GATED')))).to.be.within(0.6, 1.6);
  });

  it('is held at most once by a callback that waits for its row', async () => {
    const early = async () => {
      const txnids = names('EARLY');
      const recorded = database.db.selectFrom('dragonpay_callbacks').select('id').where('id', 'in', txnids);
      const areWaiting = async () => (await recorded.execute()).length === senders;
      return { txnids, areWaiting, end: () => create(txnids) };
    };
    expect(await timesHeld(early)).to.be.below(1.6);
  });

  it('is held at most once by a callback whose row is locked', async () => {
    const locked = async () => {
      const txnids = await create(names('LOCKED'));
      const other = await database.pool.connect();
      await other.query('begin');
      await other.query('select from dragonpay_transactions where txnid = any($1) for update', [txnids]);
      const end = async () => {
        await other.query('rollback');
        other.release();
      };
      return { txnids, end };
    };
    expect(await timesHeld(locked)).to.be.below(1.6);
  });
});
