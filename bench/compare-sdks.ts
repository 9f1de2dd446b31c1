import { createHmac, createSign, generateKeyPairSync, verify } from 'node:crypto';
import { Webhooks } from '@octokit/webhooks';
import Stripe from 'stripe';
import type { CallbackRequest } from '../src/callback-request.js';
import { createDragonpay, DragonpayCallback, MemoryRepository, OnPost } from '../src/index.js';
import { encodeCallback, signCallback } from '../src/testing/sign-callback.js';
import { postback, postbackFields, secretKey, txnidOf } from './postbacks.js';
import { pairedRatio, type Spread, spread } from './statistics.js';

/** CPU of one call, in microseconds, of contenders that need no server. */
export interface CpuComparison {
  readonly payloadBytes: number;
  readonly ours: Spread;
  readonly octokit: Spread;
  readonly stripe: Spread;
  readonly toOctokit: Spread;
  readonly toStripe: Spread;
  readonly rsa: { readonly ours: Spread; readonly bare: Spread; readonly ratio: Spread };
}

@DragonpayCallback()
class NoOp {
  @OnPost()
  async settle(): Promise<void> {}
}

type Call = (index: number) => unknown;

/** Runs each so many times a round, one after the other, and measures the CPU of this process. */
async function playCalls<Name extends string>(
  calls: Record<Name, Call>,
  { count, rounds }: { readonly count: number; readonly rounds: number },
): Promise<Record<Name, number[]>> {
  const names = Object.keys(calls) as Name[];
  const figures = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  for (let round = -2; round < rounds; round++) {
    for (const name of names) {
      const call = calls[name];
      const before = process.cpuUsage();
      for (let index = 0; index < count; index++) await call(index);
      const { user, system } = process.cpuUsage(before);
      if (round >= 0) figures[name].push((user + system) / count);
    }
  }
  return figures;
}

function requestWith(body: Buffer): CallbackRequest {
  return {
    method: 'POST',
    target: '/dragonpay/callback',
    header: (name) => (name === 'content-type' ? 'application/x-www-form-urlencoded' : undefined),
    body: () => ({ kind: 'bytes', bytes: body }),
    remoteAddress: '127.0.0.1',
    native: undefined,
  };
}

export async function compareSdks(options: {
  readonly count: number;
  readonly rounds: number;
}): Promise<CpuComparison> {
  const { count } = options;
  const txnids = Array.from({ length: count }, (_, index) => txnidOf('SDK', index));
  const bodies = txnids.map((txnid) => Buffer.from(postback(txnid)));
  const payloadBytes = bodies[0]?.byteLength ?? 0;

  const repository = new MemoryRepository();
  for (const txnid of txnids) await repository.createTransaction({ txnid, amount: '100.00', currency: 'PHP' });
  const settings = { merchantId: 'BENCH', environment: 'test', repository } as const;
  const endpoint = createDragonpay({ ...settings, verification: { sha1: { secretKeys: [secretKey] } } }).endpoint(NoOp);

  const webhooks = new Webhooks({ secret: secretKey });
  webhooks.on('push', () => {});
  const githubPayloads = txnids.map((txnid) => jsonOf({ ref: 'refs/heads/main', after: txnid }, payloadBytes));
  const githubSignatures = githubPayloads.map((payload) => `sha256=${hmac(payload)}`);

  const stripe = new Stripe('sk_test_bench');
  const now = Math.floor(Date.now() / 1000);
  const stripePayloads = txnids.map((txnid) =>
    jsonOf({ id: txnid, object: 'event', type: 'charge.succeeded' }, payloadBytes),
  );
  const stripeHeaders = stripePayloads.map((payload) => `t=${now},v1=${hmac(`${now}.${payload}`)}`);

  const {
    ours,
    octokit,
    stripe: stripes,
  } = await playCalls(
    {
      ours: (index) => endpoint.dispatch(requestWith(bodies[index] as Buffer)),
      octokit: (index) =>
        webhooks.verifyAndReceive({
          id: String(index),
          name: 'push',
          payload: githubPayloads[index] ?? '',
          signature: githubSignatures[index] ?? '',
        }),
      stripe: (index) =>
        stripe.webhooks.constructEvent(stripePayloads[index] ?? '', stripeHeaders[index] ?? '', secretKey, 1e6),
    },
    options,
  );
  return {
    payloadBytes,
    ours: spread(ours),
    octokit: spread(octokit),
    stripe: spread(stripes),
    toOctokit: pairedRatio(ours, octokit),
    toStripe: pairedRatio(ours, stripes),
    rsa: await compareRsa(options),
  };
}

async function compareRsa({ count, rounds }: { readonly count: number; readonly rounds: number }) {
  const some = Math.ceil(count / 4);
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const repository = new MemoryRepository();
  const fields = Array.from({ length: some }, (_, index) => postbackFields(txnidOf('RSA', index)));
  for (const { txnid = '' } of fields) await repository.createTransaction({ txnid, amount: '100.00', currency: 'PHP' });
  const bodies = fields.map(({ digest: _digest, ...rest }) =>
    Buffer.from(encodeCallback(signCallback(rest, { rsa: { privateKey } }, { merchantId: 'BENCH' }))),
  );
  const settings = { merchantId: 'BENCH', environment: 'test', repository } as const;
  const endpoint = createDragonpay({ ...settings, verification: { rsa: { publicKeys: [publicKey] } } }).endpoint(NoOp);
  const texts = fields.map(({ txnid, refno, status, message, param1, param2, amount }) =>
    Buffer.from([txnid, refno, status, message, 'BENCH', param1, param2, amount].join(':')),
  );
  const signatures = texts.map((text) => createSign('RSA-SHA256').update(text).sign(privateKey));
  const { ours, bare } = await playCalls(
    {
      ours: async (index) => {
        const { body } = await endpoint.dispatch(requestWith(bodies[index] as Buffer));
        if (body !== 'result=OK') throw new Error(body);
      },
      bare: async (index) => {
        if (!verify('RSA-SHA256', texts[index] as Buffer, publicKey, signatures[index] as Buffer)) throw new Error();
      },
    },
    { count: some, rounds },
  );
  return { ours: spread(ours), bare: spread(bare), ratio: pairedRatio(ours, bare) };
}

function hmac(text: string): string {
  return createHmac('sha256', secretKey).update(text).digest('hex');
}

/** JSON of so many bytes. */
function jsonOf(value: object, bytes: number): string {
  const bare = JSON.stringify({ ...value, text: '' });
  return JSON.stringify({ ...value, text: 'x'.repeat(Math.max(0, bytes - bare.length)) });
}
