import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { CallbackKind } from '../protocol/kinds.js';
import type { SigningKeys } from '../protocol/sign-callback.js';
import { settingsFromEnv } from '../settings/settings-from-env.js';
import { CommandFailure } from './command-failure.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** The proofs that one can ask for. */
export const proofChoices = ['rsa', 'hmac', 'sha1', 'all', 'none'] as const;

/** What to sign with. */
export interface SigningWish {
  readonly kind: CallbackKind;
  /** The strongest that there is a key for when not given. */
  readonly proof?: (typeof proofChoices)[number];
  /** The file of an RSA private key in PEM. */
  readonly privateKeyFile?: string;
}

/**
 * The merchant id and the keys to sign a callback with: of the environment, as `settingsFromEnv` reads it, and an RSA
 * key of a file. They are never arguments, which other users of the machine could read.
 */
export async function signingKeys(
  { kind, proof, privateKeyFile }: SigningWish,
  env: Environment,
): Promise<{ readonly merchantId: string | undefined; readonly keys: SigningKeys }> {
  if (proof === 'none') return { merchantId: env.DRAGONPAY_MERCHANT_ID?.trim(), keys: {} };
  const privateKey = privateKeyFile === undefined ? undefined : await readPrivateKey(privateKeyFile);
  const secrets =
    kind === 'payout' ? ['DRAGONPAY_PAYOUT_SECRET_KEYS'] : ['DRAGONPAY_HMAC_KEYS', 'DRAGONPAY_SECRET_KEYS'];
  if (privateKey === undefined && secrets.every((name) => env[name] === undefined)) {
    const file = kind === 'payout' ? '' : ', or give --private-key-file';
    throw new CommandFailure(`there is no key to sign with: set ${secrets.join(' or ')}${file}`);
  }
  const { merchantId, verification, payout } = settingsFromEnv(withPublicKey(env, privateKey));
  const [hmacKey] = verification?.hmac?.keys ?? [];
  const [secretKey] = (kind === 'payout' ? payout?.sha1 : verification?.sha1)?.secretKeys ?? [];
  const keys: SigningKeys = {
    ...(privateKey && kind === 'payment' && { rsa: { privateKey } }),
    ...(hmacKey && kind === 'payment' && { hmac: { key: hmacKey } }),
    ...(secretKey && { sha1: { secretKey } }),
  };
  return { merchantId, keys: proof === 'all' ? keys : only(proof ?? strongest(keys), keys) };
}

/** The public half stands for the private one, which settings have no place for. */
function withPublicKey(env: Environment, privateKey: KeyObject | undefined): Environment {
  if (privateKey === undefined) return { DRAGONPAY_ENVIRONMENT: 'test', ...env };
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' });
  const keys = { DRAGONPAY_PUBLIC_KEYS: JSON.stringify([publicKey]), DRAGONPAY_TRANSITION: 'true' };
  return { DRAGONPAY_ENVIRONMENT: 'test', ...env, ...keys };
}

async function readPrivateKey(file: string): Promise<KeyObject> {
  try {
    const key = createPrivateKey(await readFile(file));
    if (key.asymmetricKeyType === 'rsa') return key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall !== undefined) {
      throw new CommandFailure(`--private-key-file cannot be read: ${(error as NodeJS.ErrnoException).code}`);
    }
    // Its message may quote the key.
  }
  throw new CommandFailure('--private-key-file holds no RSA private key in PEM without a passphrase');
}

function strongest(keys: SigningKeys): 'rsa' | 'hmac' | 'sha1' {
  return keys.rsa !== undefined ? 'rsa' : keys.hmac !== undefined ? 'hmac' : 'sha1';
}

const variableFor = {
  rsa: 'give --private-key-file',
  hmac: 'set DRAGONPAY_HMAC_KEYS',
  sha1: 'set DRAGONPAY_SECRET_KEYS',
} as const;

function only(proof: 'rsa' | 'hmac' | 'sha1', keys: SigningKeys): SigningKeys {
  if (keys[proof] === undefined) {
    throw new CommandFailure(`there is no key to make the proof ${proof} with: ${variableFor[proof]}`);
  }
  return { [proof]: keys[proof] };
}
