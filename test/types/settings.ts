import { createPrivateKey } from 'node:crypto';
import {
  createDragonpay,
  type Dragonpay,
  DragonpayCallback,
  DragonpayError,
  type DragonpaySettings,
  type FailureCode,
  settingsFromEnv,
} from 'dragonpay-callback';
import { expectType } from './expect-type.js';

/** Compiled only: the settings that exist, and some that do not. */
const required = { merchantId: 'ACME', environment: 'test' } as const;
const secretKeys = ['secret'] as const;

export const right: readonly DragonpaySettings[] = [
  required,
  { merchantId: 'ACME', environment: 'production', apiKey: 'key', verification: { rsa: {} } },
  { merchantId: 'ACME', environment: { gateway: 'https://test.dragonpay.ph' } },
  // A variable of the environment may be missing. This is found when the program starts.
  { ...required, apiKey: process.env.DRAGONPAY_API_KEY },
  { ...required, verification: { rsa: { publicKeys: ['pem', createPrivateKey('pem')] } } },
  { ...required, verification: { hmac: { keys: ['key'], encoding: 'hex' }, sha1: { secretKeys } } },
  { ...required, verification: { rsa: {}, sha1: { secretKeys }, transition: true } },
  { ...required, payout: { sha1: { secretKeys }, sharedSecret: true }, saveData: false, allowFrom: ['10.0.0.0/8'] },
  { ...required, resolver: { get: async (Class: new () => object) => new Class() } },
  { ...required, resolver: new Map<unknown, object>() },
  { ...required, clientAddress: (request) => request.header('x-real-ip') },
  { ...required, limits: { bodyBytes: 1, queryBytes: 1, fields: 1, handlerMilliseconds: 1, storeMilliseconds: 1 } },
  { ...required, hooks: { stored: ({ update }) => update.outcome, rejected: async ({ code }) => code } },
  { ...required, fetch: globalThis.fetch, inquiry: { attempts: 1 } },
  { ...required, wire: { payment: { hmac: { fields: ['txnid', 'refno'] } } } },
];

export const wrong: readonly DragonpaySettings[] = [
  // @ts-expect-error merchantId is required
  { environment: 'test' },
  // @ts-expect-error environment is required
  { merchantId: 'ACME' },
  // @ts-expect-error there is no such environment
  { merchantId: 'ACME', environment: 'staging' },
  // @ts-expect-error there is no such setting
  { ...required, password: 'secret' },
  // @ts-expect-error keys are lists, so that they can rotate
  { ...required, verification: { sha1: { secretKeys: 'secret' } } },
  // @ts-expect-error there is no such proof
  { ...required, verification: { md5: { secretKeys } } },
  // @ts-expect-error payouts are signed with SHA-1 only
  { ...required, payout: { rsa: {} } },
  // @ts-expect-error there is no such encoding
  { ...required, verification: { hmac: { keys: ['key'], encoding: 'base64' } } },
  // @ts-expect-error there is no such limit
  { ...required, limits: { body: 1 } },
  // @ts-expect-error there is no such hook
  { ...required, hooks: { saved: () => {} } },
  // @ts-expect-error the age of keys is not measured by a clock of yours
  { ...required, clock: Date.now },
  // @ts-expect-error there is no such bound of an inquiry
  { ...required, inquiry: { backoffMilliseconds: 1 } },
  // @ts-expect-error a resolver has get
  { ...required, resolver: { resolve: () => ({}) } },
  // @ts-expect-error saveData is boolean
  { ...required, saveData: 'false' },
  // @ts-expect-error there is no such field on the wire
  { ...required, wire: { payment: { hmac: { fields: ['orderId'] } } } },
];

@DragonpayCallback()
class Handler {
  constructor(readonly service: string) {}
}

export function endpoints(dragonpay: Dragonpay): void {
  dragonpay.endpoint(Handler);
  dragonpay.endpoint(Handler, { kinds: ['payment'] });
  dragonpay.endpoint(Handler, { kinds: ['payment', 'payout'] });
  // @ts-expect-error there is no such kind
  dragonpay.endpoint(Handler, { kinds: ['refund'] });
  // @ts-expect-error the class, not an instance of it
  dragonpay.endpoint(new Handler('service'));
  // @ts-expect-error the class, not a function
  dragonpay.endpoint(() => {});
  expectType<Promise<boolean>>(dragonpay.close({ milliseconds: 1 }));
  createDragonpay(settingsFromEnv());
  createDragonpay({ ...settingsFromEnv(), saveData: true });
}

export function errors(error: unknown): FailureCode | undefined {
  if (!DragonpayError.is(error)) return undefined;
  // @ts-expect-error there is no such code
  if (error.code === 'unknown') return undefined;
  return error.code;
}
