import { createHmac, createSign, generateKeyPairSync, verify } from 'node:crypto';
import { Webhooks } from '@octokit/webhooks';
import Stripe from 'stripe';
import { createDragonpay, DragonpayCallback, OnPost } from '../src/index.js';
import type { CallbackEndpoint, CallbackRequest } from '../src/model/callback-request.js';
import { encodeCallback, signCallback } from '../src/protocol/sign-callback.js';
import type { VerificationSettings } from '../src/settings/settings.js';
import { postback, postbackFields, secretKey, txnidOf } from './postbacks.js';
import { pairedRatio, type Spread, spread } from './statistics.js';

/**
 * CPU time of one call in microseconds, for contenders that need no server. Ours has no repository: like the SDKs, it
 * stores nothing.
 */
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

const warmUps = 5;

export function endpointWith(verification: VerificationSettings): CallbackEndpoint {
  return createDragonpay({ merchantId: 'BENCH', environment: 'test', verification }).endpoint(NoOp);
}

/** Throws for any reply other than OK, since the figures would then be meaningless. */
export async function callOurs(endpoint: CallbackEndpoint, body: Buffer | undefined): Promise<void> {
  const reply = await endpoint.dispatch(requestWith(body as Buffer));
  if (reply.body !== 'result=OK') throw new Error(reply.body);
}

/** Runs each call `count` times per round, one call after another, and measures the CPU of this process. */
export async function playCalls<Name extends string>(
  calls: Record<Name, Call>,
  { count, rounds }: { readonly count: number; readonly rounds: number },
): Promise<Record<Name, number[]>> {
  const names = Object.keys(calls) as Name[];
  const figures = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  for (let round = -warmUps; round < rounds; round++) {
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

  const endpoint = endpointWith({ sha1: { secretKeys: [secretKey] } });

  const webhooks = new Webhooks({ secret: secretKey });
  webhooks.on('push', () => {});
  const githubPayloads = txnids.map((txnid) => jsonOf({ ref: 'refs/heads/main' }, txnid, payloadBytes));
  const githubSignatures = githubPayloads.map((payload) => `sha256=${hmac(payload)}`);

  const stripe = new Stripe('sk_test_bench');
  const now = Math.floor(Date.now() / 1000);
  const stripePayloads = txnids.map((txnid) => jsonOf({ object: 'event' }, txnid, payloadBytes));
  const stripeHeaders = stripePayloads.map((payload) => `t=${now},v1=${hmac(`${now}.${payload}`)}`);

  const played = await playCalls(
    {
      ours: (index) => callOurs(endpoint, bodies[index]),
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
    ours: spread(played.ours),
    octokit: spread(played.octokit),
    stripe: spread(played.stripe),
    toOctokit: pairedRatio(played.ours, played.octokit),
    toStripe: pairedRatio(played.ours, played.stripe),
    rsa: await compareRsa(options),
  };
}

async function compareRsa({ count, rounds }: { readonly count: number; readonly rounds: number }) {
  const some = Math.ceil(count / 4);
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const fields = Array.from({ length: some }, (_, index) => postbackFields(txnidOf('RSA', index)));
  const bodies = fields.map(({ digest: _digest, ...rest }) =>
    Buffer.from(encodeCallback(signCallback(rest, { rsa: { privateKey } }, { merchantId: 'BENCH' }))),
  );
  const endpoint = endpointWith({ rsa: { publicKeys: [publicKey] } });
  const texts = fields.map(({ txnid, refno, status, message, param1, param2, amount }) =>
    Buffer.from([txnid, refno, status, message, 'BENCH', param1, param2, amount].join(':')),
  );
  const signatures = texts.map((text) => createSign('RSA-SHA256').update(text).sign(privateKey));
  const played = await playCalls(
    {
      ours: (index) => callOurs(endpoint, bodies[index]),
      bare: async (index) => {
        if (!verify('RSA-SHA256', texts[index] as Buffer, publicKey, signatures[index] as Buffer)) throw new Error();
      },
    },
    { count: some, rounds },
  );
  return {
    ours: spread(played.ours),
    bare: spread(played.bare),
    ratio: pairedRatio(played.ours, played.bare),
  };
}

function hmac(text: string): string {
  return createHmac('sha256', secretKey).update(text).digest('hex');
}

/** JSON of `bytes` bytes with the fields of a postback. Its proof is in a header. */
function jsonOf(kind: object, txnid: string, bytes: number): string {
  const { digest: _digest, message, ...fields } = postbackFields(txnid);
  const bare = JSON.stringify({ ...kind, ...fields, message: '' });
  return JSON.stringify({ ...kind, ...fields, message: message?.padEnd(bytes).slice(0, bytes - bare.length) });
}
