import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { DragonpaySettings } from '../../settings/settings.js';
import type { CorpusSetup } from './callback-corpus.js';

/** The secrets of the corpus. `another` makes forged proofs. */
export const corpusSecrets = {
  merchant: { sha1: 'corpus secret', hmac: 'corpus hmac key' },
  another: { sha1: 'another secret', hmac: 'another hmac key' },
} as const;

type KeyPair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
let keys: { readonly merchant: KeyPair; readonly another: KeyPair } | undefined;

/** The RSA keys of the corpus. They are made for each process, so no proof is recorded. */
export function corpusKeys() {
  keys ??= {
    merchant: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    another: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  };
  return keys;
}

/** The settings of a setup, and whether invalid callbacks reach the handler and a GET may store. */
export function settingsOf(setup: CorpusSetup): {
  readonly settings: Omit<DragonpaySettings, 'repository'>;
  readonly allowInvalidData: boolean;
  readonly updateOnGet: boolean;
} {
  const sha1 = { secretKeys: [corpusSecrets.merchant.sha1] };
  const hmac = { keys: [corpusSecrets.merchant.hmac] };
  const rsa = { publicKeys: [corpusKeys().merchant.publicKey] };
  const verifications: Partial<Record<CorpusSetup, DragonpaySettings['verification']>> = {
    hmac: { hmac },
    rsa: { rsa },
    transition: { rsa, sha1, transition: true },
    'hmac-and-sha1': { hmac, sha1 },
    offline: { rsa: {} },
  };
  return {
    settings: {
      merchantId: 'CORPUS',
      environment: 'test',
      verification: verifications[setup] ?? { sha1 },
      ...(setup !== 'payments-only' && { payout: { sha1, sharedSecret: true } }),
      ...(setup === 'strangers' && { allowFrom: ['192.0.2.0/24'] }),
      limits: { earlyMilliseconds: 0, ...(setup === 'impatient' && { bodyMilliseconds: 100 }) },
      ...(setup === 'offline' && { apiKey: 'corpus', fetch: () => Promise.reject(new Error('offline')) }),
      ...(setup === 'encoded' && { wire: { payment: { sha1: { values: 'encoded' } } } }),
    },
    allowInvalidData: setup !== 'strict',
    updateOnGet: setup === 'update-on-get',
  };
}
