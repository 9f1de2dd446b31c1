import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { toNodeListener } from '../../adapters/http/node.js';
import {
  type Callback,
  createDragonpay,
  type Dragonpay,
  DragonpayCallback,
  DragonpayError,
  MemoryRepository,
  OnGet,
  OnPost,
  OnStatus,
  type StoredCallback,
} from '../../src/index.js';
import {
  type Misbehaviour,
  type Postback,
  type Sandbox,
  type SandboxOptions,
  startSandbox,
} from '../../src/sandbox.js';
import * as testing from '../../src/testing.js';
import { inBackticks, readPages, tableRows } from '../support/markdown.js';
import { type MerchantServer, startMerchantServer } from '../support/merchant-server.js';
import { root } from '../support/program.js';

const amount = '100.00';

/** The code of the error that a promise rejects with. */
async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    return DragonpayError.is(error) ? `${error.code} ${error.subject ?? ''}`.trim() : `another error: ${error}`;
  }
  return 'none';
}

describe('A sandbox', () => {
  let merchant: MerchantServer;
  let sandbox: Sandbox;

  beforeEach(async () => {
    merchant = await startMerchantServer();
    sandbox = await startSandbox({ postbackUrl: `${merchant.url}/postback`, returnUrl: `${merchant.url}/return` });
  });
  afterEach(async () => {
    await sandbox.close();
    await merchant.close();
  });

  const statuses = () => merchant.seen.map(({ fields }) => fields.status).join('');
  const causes = (postbacks: readonly Postback[]) => postbacks.map(({ cause, state }) => `${cause} ${state}`);

  async function get(path: string): Promise<Response> {
    const credentials = Buffer.from(`SANDBOX:${sandbox.settings.apiKey}`).toString('base64');
    return fetch(`${sandbox.url}/api/collect/v1${path}`, { headers: { authorization: `Basic ${credentials}` } });
  }

  it('listens on the loopback interface, on a free port, with random keys', async () => {
    const other = await startSandbox();
    try {
      expect(new URL(sandbox.url).hostname).to.equal('127.0.0.1');
      expect(other.url).to.not.equal(sandbox.url);
      const { apiKey, payout, environment } = sandbox.settings;
      expect(environment).to.deep.equal({ gateway: sandbox.url });
      expect(apiKey)
        .to.match(/^[0-9a-f]{40}$/)
        .and.not.equal(other.settings.apiKey);
      expect(payout.sha1.secretKeys[0]).to.not.equal(other.settings.payout.sha1.secretKeys[0]);
    } finally {
      await other.close();
    }
  });

  it('is exported by the testing kit too', () => {
    expect(testing.startSandbox).to.equal(startSandbox);
  });

  for (const [what, options, code] of [
    ['a port', { port: 70_000 }, 'invalid-setting port'],
    ['a host', { host: '' }, 'invalid-setting host'],
    ['a merchant id', { merchantId: 'A:B' }, 'invalid-setting merchantId'],
    ['a key', { apiKey: ' ' }, 'invalid-setting apiKey'],
    ['a proof', { proofs: ['md5'] }, 'invalid-setting proofs'],
    ['no proof at all', { proofs: [] }, 'invalid-setting proofs'],
    ['a method', { postbackMethod: 'PUT' }, 'invalid-setting postbackMethod'],
    ['a URL', { postbackUrl: 'ftp://127.0.0.1/' }, 'invalid-setting postbackUrl'],
    ['a password in a URL', { returnUrl: 'http://me:secret@127.0.0.1/' }, 'invalid-setting returnUrl'],
  ] as const) {
    it(`refuses ${what} and names the option`, async () => {
      expect(await codeOf(() => startSandbox(options as SandboxOptions))).to.equal(code);
    });
  }

  it('rejects with EADDRINUSE if its port is in use', async () => {
    const error = await startSandbox({ port: Number(new URL(sandbox.url).port) }).catch((error) => error);
    expect(error).to.have.property('code', 'EADDRINUSE');
  });

  it('accepts and refuses the same details as repositories', async () => {
    expect(await codeOf(() => sandbox.createPayment({ txnid: 'A:B', amount }))).to.equal('invalid-details txnid');
    expect(await codeOf(() => sandbox.createPayment({ txnid: 'T-1', amount: '1,0' }))).to.equal(
      'invalid-details amount',
    );
    await sandbox.createPayment({ txnid: 'T-1', amount });
    expect(await codeOf(() => sandbox.createPayment({ txnid: 'T-1', amount }))).to.equal('already-exists payment');
    await sandbox.createPayout({ merchantTxnId: 'O-1', amount });
    expect(await codeOf(() => sandbox.createPayout({ merchantTxnId: 'O-1', amount }))).to.equal(
      'already-exists payout',
    );
    expect(await codeOf(() => sandbox.settle('T-9', 'S'))).to.equal('not-found payment');
    expect(await codeOf(() => sandbox.settlePayout('O-9', 'S'))).to.equal('not-found payout');
    expect(await codeOf(() => sandbox.settle('T-1', 'SS'))).to.equal('invalid-details status');
    expect(await codeOf(() => sandbox.resend(99))).to.equal('not-found');
    expect(sandbox.payments().map(({ txnid, status }) => txnid + status)).to.deep.equal(['T-1P']);
    expect(sandbox.payouts().map(({ merchantTxnId }) => merchantTxnId)).to.deep.equal(['O-1']);
  });

  it('records the fields, signed texts, answer and duration of each postback', async () => {
    merchant.answer(() => [400, 'error=proof-mismatch']);
    await sandbox.createPayment({ txnid: 'T-1', amount });
    const { postbacks } = await sandbox.settle('T-1', 'S', { message: 'Paid', procid: 'GCSH' });
    expect(sandbox.postbacks()).to.deep.equal(postbacks);
    const [{ fields, at, milliseconds = -1, ...postback }] = postbacks as [Postback];
    expect(fields).to.deep.equal(merchant.seen[0]?.fields);
    expect(milliseconds).to.be.within(0, 5_000);
    expect(at.getTime()).to.be.closeTo(Date.now(), 5_000);
    expect(postback).to.deep.equal({
      id: 1,
      kind: 'payment',
      subject: 'T-1',
      status: 'S',
      cause: 'status',
      state: 'answered',
      method: 'POST',
      url: `${merchant.url}/postback`,
      acknowledged: false,
      signedTexts: { rsa: `T-1:${fields.refno}:S:Paid:SANDBOX:::100.00` },
      answer: { status: 400, contentType: 'text/plain', body: 'error=proof-mismatch' },
    });
  });

  it('records that a server cannot be reached', async () => {
    await sandbox.createPayment({ txnid: 'T-1', amount });
    sandbox.register({ postbackUrl: 'http://127.0.0.1:1/' });
    const { postbacks } = await sandbox.settle('T-1', 'S');
    expect(causes(postbacks)).to.deep.equal(['status failed']);
    expect(postbacks[0]?.error).to.include('ECONNREFUSED');
    expect(postbacks[0]?.acknowledged).to.equal(false);
  });

  it('records an answer 101 as a failure instead of waiting for a body', async () => {
    const server = createServer((request) => {
      request.socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      await sandbox.createPayment({ txnid: 'T-1', amount });
      sandbox.register({ postbackUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` });
      const { postbacks } = await sandbox.settle('T-1', 'S');
      expect(postbacks[0]).to.include({ state: 'failed', error: 'the server answered 101 Switching Protocols' });
    } finally {
      server.close();
    }
  });

  it('sends many postbacks at the same time without a warning', async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error) => warnings.push(warning);
    process.on('warning', warned);
    await sandbox.createPayment({ txnid: 'T-1', amount });
    await Promise.all(Array.from({ length: 30 }, () => sandbox.settle('T-1', 'S')));
    await sleep(20);
    process.off('warning', warned);
    expect(warnings.map(({ message }) => message)).to.deep.equal([]);
  });

  it('keeps the last 500 postbacks, and 2,000 characters of an answer', async () => {
    merchant.answer(() => [200, 'x'.repeat(500_000)]);
    await sandbox.createPayment({ txnid: 'T-1', amount });
    const { postbacks } = await sandbox.settle('T-1', 'S');
    expect(postbacks[0]?.answer?.body).to.have.lengthOf(2000);
    sandbox.misbehave({ drop: true });
    await Promise.all(Array.from({ length: 510 }, () => sandbox.settle('T-1', 'S')));
    const ids = sandbox.postbacks().map(({ id }) => id);
    expect([ids.length, ids[0], ids.at(-1)]).to.deep.equal([500, 511, 12]);
  });

  it('closes although pages are listening for events', async () => {
    const events = await fetch(`${sandbox.url}/events`);
    const closed = await Promise.race([sandbox.close().then(() => 'closed'), sleep(2_000, 'still open')]);
    await events.body?.cancel().catch(() => {});
    expect(closed).to.equal('closed');
    sandbox = await startSandbox();
  });

  it('logs a postback without a URL, and sends it after a URL is registered', async () => {
    sandbox.register({ postbackUrl: undefined, returnUrl: undefined });
    await sandbox.createPayment({ txnid: 'T-1', amount });
    const { postbacks, returnUrl } = await sandbox.settle('T-1', 'S');
    expect(returnUrl).to.equal(undefined);
    expect(causes(postbacks)).to.deep.equal(['status dropped']);
    expect(postbacks[0]?.error).to.equal('no URL is registered');
    sandbox.register({ postbackUrl: `${merchant.url}/late` });
    expect(await sandbox.resend(1)).to.include({ cause: 'by-hand', state: 'answered', url: `${merchant.url}/late` });
    expect(statuses()).to.equal('S');
  });

  it('keeps the query of the registered URL before the fields', async () => {
    sandbox.register({ postbackUrl: undefined, returnUrl: `${merchant.url}/return?shop=1&x=%5B` });
    await sandbox.createPayment({ txnid: 'T-1', amount });
    const { returnUrl } = await sandbox.settle('T-1', 'S');
    expect(returnUrl).to.match(/\?shop=1&x=%5B&txnid=T-1&refno=/);
    expect(merchant.seen[0]?.form).to.match(/^shop=1&x=%5B&txnid=T-1&refno=/);
  });

  it('closes without waiting for postbacks that are being sent', async () => {
    sandbox.misbehave({ delayMilliseconds: 60_000 });
    await sandbox.createPayment({ txnid: 'T-1', amount });
    const settling = sandbox.settle('T-1', 'S');
    await sleep(20);
    await sandbox.close();
    expect(causes((await settling).postbacks)).to.deep.equal(['status failed']);
    expect(merchant.seen).to.deep.equal([]);
    sandbox = await startSandbox();
  });

  describe('with misbehaviour', () => {
    it('has every option that the docs name', async () => {
      const samples: Required<Misbehaviour> = {
        copies: 2,
        delayMilliseconds: 1,
        returnFirst: true,
        drop: true,
        contradict: 'F',
        amount: '1.00',
        revokedKey: true,
        answerMilliseconds: 1,
        resends: 1,
        resendMilliseconds: 1,
      };
      sandbox.misbehave(samples);
      const docs = (await readPages()).find(({ path }) => path === 'docs/sandbox.md');
      const named =
        docs === undefined ? [] : tableRows(docs, 'misbehaviour').flatMap(([names = '']) => inBackticks(names));
      expect(named).to.have.members(Object.keys(samples));
    });

    const pay = async (misbehaviour: Misbehaviour, status = 'S') => {
      await sandbox.createPayment({ txnid: 'T-1', amount });
      sandbox.misbehave(misbehaviour, 'T-1');
      return sandbox.settle('T-1', status);
    };

    it('sends copies of a postback at the same time with copies', async () => {
      const { postbacks } = await pay({ copies: 3 });
      expect(causes(postbacks)).to.have.members(['status answered', 'copy answered', 'copy answered']);
      expect(new Set(merchant.seen.map(({ form }) => form)).size).to.equal(1);
      expect(statuses()).to.equal('SSS');
    });

    it('delays a postback with delayMilliseconds', async () => {
      const start = Date.now();
      const settling = pay({ delayMilliseconds: 150 });
      while (sandbox.postbacks().length === 0) await sleep(5);
      expect(causes(sandbox.postbacks())).to.deep.equal(['status waiting']);
      await settling;
      expect(Date.now() - start).to.be.at.least(150);
      expect(statuses()).to.equal('S');
    });

    it('delays the postback by two seconds with returnFirst', async () => {
      const start = performance.now();
      const { postbacks } = await pay({ returnFirst: true });
      expect(performance.now() - start).to.be.at.least(1_990);
      expect(causes(postbacks)).to.deep.equal(['status answered']);
    });

    it('sends nothing with drop, answers inquiries, and sends the postback later by hand', async () => {
      const { postbacks } = await pay({ drop: true });
      expect(causes(postbacks)).to.deep.equal(['status dropped']);
      expect(merchant.seen).to.deep.equal([]);
      expect(await (await get('/txnid/T-1')).json()).to.include({ Status: 'S' });
      await sandbox.resend(1);
      expect(statuses()).to.equal('S');
    });

    it('contradicts a final status, and not an open one, with contradict', async () => {
      await pay({ contradict: 'F' }, 'P');
      expect(statuses()).to.equal('P');
      const { postbacks } = await sandbox.settle('T-1', 'S');
      expect(causes(postbacks)).to.deep.equal(['status answered', 'contradict answered']);
      expect(statuses()).to.equal('PSF');
      expect(await (await get('/txnid/T-1')).json()).to.include({ Status: 'S' });
    });

    it('sends another amount with amount, and answers inquiries with the right one', async () => {
      const { returnUrl } = await pay({ amount: '1' });
      expect(merchant.seen[0]?.fields.amount).to.equal('1.00');
      expect(new URL(returnUrl ?? '').searchParams.get('amount')).to.equal('1.00');
      expect(await (await get('/txnid/T-1')).json()).to.include({ Amount: 100 });
    });

    it('delays inquiries about one payment with answerMilliseconds', async () => {
      await pay({ answerMilliseconds: 700 });
      const took = async (path: string) => {
        const start = performance.now();
        await (await get(path)).text();
        return performance.now() - start;
      };
      expect(await took('/txnid/T-1')).to.be.at.least(690);
      expect(await took(`/refno/${sandbox.payments()[0]?.refno}`)).to.be.at.least(690);
      expect(await took('/keys/callback')).to.be.lessThan(600);
      sandbox.misbehave({ answerMilliseconds: 700 });
      expect(await took('/keys/callback')).to.be.at.least(690);
    });

    it('sends a postback again until the answer is a 2xx with resends', async () => {
      merchant.answer((_, count) => (count < 3 ? [503, 'error=unstored'] : [200, 'result=OK']));
      const { postbacks } = await pay({ resends: 5, resendMilliseconds: 10 });
      expect(causes(postbacks)).to.deep.equal(['status answered', 'resend answered', 'resend answered']);
      expect(postbacks.map(({ acknowledged }) => acknowledged)).to.deep.equal([false, false, true]);
      merchant.answer(() => [500, '']);
      expect((await sandbox.settle('T-1', 'R')).postbacks).to.have.length(6);
      sandbox.misbehave({}, 'T-1');
      expect((await sandbox.settle('T-1', 'K')).postbacks, 'none, unless asked for').to.have.length(1);
    });

    it('misbehaves for payouts too', async () => {
      sandbox.register({ payoutPostbackUrl: `${merchant.url}/payout` });
      await sandbox.createPayout({ merchantTxnId: 'O-1', amount });
      sandbox.misbehave({ copies: 2, contradict: 'F' }, 'O-1');
      await sandbox.settlePayout('O-1', 'S');
      expect(statuses()).to.equal('SSF');
    });

    it('overrides the misbehaviour for everything with that of one payment', async () => {
      sandbox.misbehave({ copies: 2, amount: '1.00' });
      for (const txnid of ['T-1', 'T-2']) await sandbox.createPayment({ txnid, amount });
      sandbox.misbehave({ copies: 1 }, 'T-2');
      await sandbox.settle('T-1', 'S');
      await sandbox.settle('T-2', 'S');
      const sent = merchant.seen.map(({ fields }) => `${fields.txnid} ${fields.amount}`);
      expect(sent).to.deep.equal(['T-1 1.00', 'T-1 1.00', 'T-2 1.00']);
      sandbox.misbehave({});
      await sandbox.settle('T-1', 'R');
      expect(merchant.seen.slice(3).map(({ fields }) => fields.amount)).to.deep.equal([amount]);
    });

    for (const misbehaviour of [
      { copies: 11 },
      { delayMilliseconds: -1 },
      { contradict: 'SS' },
      { amount: 'much' },
      { drop: 'yes' },
      { resends: 1.5 },
      { unheardOf: true },
      null,
    ]) {
      it(`refuses the misbehaviour ${JSON.stringify(misbehaviour)}`, async () => {
        const code = await codeOf(() => sandbox.misbehave(misbehaviour as Misbehaviour));
        expect(code).to.equal(`invalid-setting ${Object.keys(misbehaviour ?? { misbehaviour }).join()}`);
      });
    }
  });
});

describe('A receiver of a sandbox', () => {
  let close: Array<() => Promise<unknown>> = [];
  let effects: string[] = [];

  @DragonpayCallback()
  class Shop {
    @OnStatus('S', 'F', 'V', 'R')
    settle({ data, status, origin }: StoredCallback<'S' | 'F' | 'V' | 'R'>) {
      effects.push(`${data.txnid} ${status} ${origin}`);
    }

    @OnStatus('S', { kind: 'payout' })
    paidOut({ data }: StoredCallback<'S', unknown, 'payout'>) {
      effects.push(`${data.merchantTxnId} paid out`);
    }

    @OnPost()
    remember(callback: Callback) {
      if (!callback.valid) effects.push(`refused: ${callback.issues[0]?.code}`);
      else if (callback.update.outcome !== 'applied') effects.push(callback.update.outcome);
    }

    @OnGet()
    async show(callback: Callback) {
      return callback.valid ? `back: ${(await callback.stored())?.status}` : 'forged';
    }
  }

  afterEach(async () => {
    for (const one of close.reverse()) await one();
    [close, effects] = [[], []];
  });

  /** A shop without keys in its code: it has the settings of the sandbox, and fetches the public keys. */
  async function open(options: SandboxOptions = {}): Promise<{
    sandbox: Sandbox;
    repository: MemoryRepository;
    dragonpay: Dragonpay;
  }> {
    const sandbox = await startSandbox(options);
    const repository = new MemoryRepository();
    const hooks = { rejected: () => {}, stored: () => {}, handlerFailed: () => {} };
    const dragonpay = createDragonpay({ ...sandbox.settings, repository, hooks });
    const server = createServer(toNodeListener(dragonpay.endpoint(Shop)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    close = [
      () => sandbox.close(),
      async () => {
        server.closeAllConnections();
        server.close();
      },
      () => dragonpay.close(),
    ];
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/dragonpay/callback`;
    sandbox.register({ postbackUrl: url, returnUrl: url, payoutPostbackUrl: url });
    const details = { txnid: 'T-1', amount, description: 'A book' };
    await repository.createPayment(details);
    await sandbox.createPayment(details);
    return { sandbox, repository, dragonpay };
  }

  for (const proofs of [['rsa'], ['hmac'], ['sha1'], ['rsa', 'hmac', 'sha1']] as const) {
    it(`verifies ${proofs.join(', ')} with the settings of the sandbox`, async () => {
      const { sandbox, repository } = await open({ proofs });
      const { postbacks, returnUrl } = await sandbox.settle('T-1', 'S');
      expect(postbacks[0]?.answer?.body).to.equal('result=OK');
      expect(effects).to.deep.equal(['T-1 S callback']);
      expect((await repository.findPayment('T-1'))?.status).to.equal('S');
      expect(await (await fetch(returnUrl ?? '')).text()).to.equal('back: S');
    });
  }

  it('stores payouts', async () => {
    const { sandbox, repository } = await open();
    const { refno } = await sandbox.createPayout({ merchantTxnId: 'O-1', amount });
    await repository.createPayout({ merchantTxnId: 'O-1', amount, refno });
    await sandbox.settlePayout('O-1', 'S');
    expect(effects).to.deep.equal(['O-1 paid out']);
  });

  it('moves no row for postbacks by GET without updateOnGet', async () => {
    const { sandbox } = await open({ postbackMethod: 'GET' });
    const { postbacks } = await sandbox.settle('T-1', 'S');
    expect(postbacks[0]?.answer?.body).to.equal('back: P');
  });

  it('keeps the right status despite copies and contradictions', async () => {
    const { sandbox, repository } = await open();
    sandbox.misbehave({ copies: 4, contradict: 'F' });
    await sandbox.settle('T-1', 'S');
    expect(effects.filter((effect) => effect === 'T-1 S callback')).to.have.length(1);
    expect(effects.slice().sort()).to.deep.equal(['T-1 S callback', 'duplicate', 'duplicate', 'duplicate', 'stale']);
    expect((await repository.findPayment('T-1'))?.status).to.equal('S');
  });

  it('stores no payment with another amount, although it is validly signed', async () => {
    const { sandbox, repository } = await open();
    sandbox.misbehave({ amount: '1.00' });
    await sandbox.settle('T-1', 'S');
    expect(effects).to.deep.equal(['mismatch']);
    expect((await repository.findPayment('T-1'))?.status).to.equal('P');
  });

  it('refuses a signature with a revoked key', async () => {
    const { sandbox } = await open();
    sandbox.misbehave({ revokedKey: true });
    const { postbacks } = await sandbox.settle('T-1', 'S');
    // The callback may be older than the revocation. If it is sent again, it has a proof by a new key.
    expect(postbacks[0]?.answer).to.include({ status: 503, body: 'error=keys-unavailable' });
    expect(effects).to.deep.equal([]);
    sandbox.misbehave({});
    expect((await sandbox.settle('T-1', 'S')).postbacks[0]?.acknowledged).to.equal(true);
  });

  for (const previous of ['Active', 'Revoked'] as const) {
    it(`fetches the new key after a rotation, with the old key ${previous}`, async () => {
      const { sandbox } = await open();
      await sandbox.settle('T-1', 'P');
      await sandbox.rotateKeys({ previous });
      const { postbacks } = await sandbox.settle('T-1', 'S');
      expect(postbacks[0]?.answer?.body).to.equal('result=OK');
      expect(effects).to.deep.equal(['T-1 S callback']);
    });
  }

  it('learns of dropped and voided payments with reconcile()', async () => {
    const { sandbox, repository, dragonpay } = await open();
    for (const txnid of ['T-2', 'T-3', 'T-4']) await repository.createPayment({ txnid, amount });
    for (const txnid of ['T-2', 'T-3']) await sandbox.createPayment({ txnid, amount });
    sandbox.misbehave({ drop: true });
    await sandbox.settle('T-1', 'S');
    await sandbox.settle('T-2', 'V');
    const report = await dragonpay.reconcile({ olderThan: 0 });
    expect(report).to.include({ asked: 4, applied: 3, notKnown: 1, failed: 0, stopped: false });
    expect(effects).to.have.members(['T-1 S inquiry', 'T-2 V inquiry']);
    const stored = await Promise.all(['T-1', 'T-2', 'T-3', 'T-4'].map((txnid) => repository.findPayment(txnid)));
    expect(stored.map((row) => row?.status).join('')).to.equal('SVPP');
  });
});

describe('The sandbox as an entry point', () => {
  /** The files that an entry point reaches. */
  async function reached(entry: string): Promise<string[]> {
    const queue = [join(root, entry)];
    for (const file of queue) {
      const code = (await readFile(file, 'utf8')).replaceAll(/\/\*[\s\S]*?\*\//g, '');
      for (const [, specifier = ''] of code.matchAll(/\b(?:from|import)\b\s*\(?\s*'(\.[^']+)'/g)) {
        const next = join(dirname(file), specifier.replace(/\.js$/, '.ts'));
        if (!queue.includes(next)) queue.push(next);
      }
    }
    return queue.map((file) => relative(root, file));
  }

  for (const entry of [
    ...[
      'src/index.ts',
      'src/kysely.ts',
      'adapters/containers/inversify.ts',
      'adapters/http/express.ts',
      'adapters/http/koa.ts',
    ],
    ...['adapters/http/node.ts', 'adapters/queues/pg-boss.ts', 'adapters/queues/graphile-worker.ts'],
  ]) {
    it(`is not imported by ${entry}`, async () => {
      const files = await reached(entry);
      expect(files.filter((file) => file.includes('sandbox'))).to.deep.equal([]);
    });
  }

  it('is imported by its own entry point', async () => {
    const files = await reached('src/sandbox.ts');
    expect(files).to.include('src/sandbox/start-sandbox.ts').and.include('src/protocol/sign-callback.ts');
    expect(files.filter((file) => /kysely|inversify|adapters/.test(file))).to.deep.equal([]);
  });
});
