import { type DragonpaySettings, settingsFromEnv } from 'dragonpay-callback';
import type { SigningKeys } from 'dragonpay-callback/testing';
import { type DemoKeys, makeDemoKeys, readDemoKeys } from './demo-keys.js';

type Environment = Readonly<Record<string, string | undefined>>;

const keyVariables = [
  'DRAGONPAY_API_KEY',
  'DRAGONPAY_PUBLIC_KEYS',
  'DRAGONPAY_HMAC_KEYS',
  'DRAGONPAY_SECRET_KEYS',
  'DRAGONPAY_PAYOUT_SECRET_KEYS',
];

/** Whether the environment says how callbacks are verified. If not, there are demo keys. */
export function hasOwnKeys(env: Environment): boolean {
  return keyVariables.some((name) => env[name] !== undefined);
}

/** The settings that the shop receives callbacks with: of the environment, or with demo keys where that has none. */
export async function receiverSettings(env: Environment, dataFolder: string): Promise<DragonpaySettings> {
  if (hasOwnKeys(env)) return settingsFromEnv(env);
  refuseDemoKeysInProduction(env);
  return settingsFromEnv(withDemoKeys(env, await makeDemoKeys(dataFolder)));
}

/** The merchant id and the keys that `npm run demo:callback` signs with. */
export async function signerSettings(
  env: Environment,
  dataFolder: string,
): Promise<{ readonly merchantId: string; readonly keys: SigningKeys }> {
  if (hasOwnKeys(env)) {
    const { merchantId, verification } = settingsFromEnv(env);
    const [hmacKey] = verification?.hmac?.keys ?? [];
    const [secretKey] = verification?.sha1?.secretKeys ?? [];
    const keys = { ...(hmacKey && { hmac: { key: hmacKey } }), ...(secretKey && { sha1: { secretKey } }) };
    return { merchantId, keys };
  }
  refuseDemoKeysInProduction(env);
  const demo = await readDemoKeys(dataFolder);
  if (demo === undefined) {
    throw new Error(`there are no demo keys in ${dataFolder}: give the DRAGONPAY_* variables that the shop was given`);
  }
  const { merchantId } = settingsFromEnv(withDemoKeys(env, demo));
  const { privateKey, hmacKey, secretKey } = demo;
  return { merchantId, keys: { rsa: { privateKey }, hmac: { key: hmacKey }, sha1: { secretKey } } };
}

function refuseDemoKeysInProduction(env: Environment): void {
  if (env.DRAGONPAY_ENVIRONMENT?.trim() !== 'production') return;
  throw new Error(`the demo keys are not for production: set one of ${keyVariables.join(', ')}`);
}

/** The demo accepts all three proofs, so that each can be tried. */
function withDemoKeys(env: Environment, keys: DemoKeys): Environment {
  return {
    DRAGONPAY_MERCHANT_ID: 'DEMO',
    DRAGONPAY_ENVIRONMENT: 'test',
    ...env,
    DRAGONPAY_PUBLIC_KEYS: JSON.stringify([keys.publicKey]),
    DRAGONPAY_HMAC_KEYS: keys.hmacKey,
    DRAGONPAY_SECRET_KEYS: keys.secretKey,
    DRAGONPAY_TRANSITION: 'true',
  };
}
