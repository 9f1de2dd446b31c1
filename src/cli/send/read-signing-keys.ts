import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { CallbackKind } from '../../protocol/kinds.js';
import type { SigningKeys } from '../../protocol/sign-callback.js';
import type { WireSettings } from '../../settings/settings.js';
import { settingsFromEnv } from '../../settings/settings-from-env.js';
import type { CommandContext } from '../command-context.js';
import { CommandFailure } from '../report.js';

type Environment = CommandContext['env'];

/** The values of `--proof`. */
export const proofChoices = ['rsa', 'hmac', 'sha1', 'all', 'none'] as const;

/** The options that decide how a callback is signed. */
export interface SigningOptions {
  readonly kind: CallbackKind;
  /** Default: the strongest proof for which there is a key. */
  readonly proof?: (typeof proofChoices)[number];
  /** A PEM file with an RSA private key. */
  readonly privateKeyFile?: string;
}

/**
 * Reads the merchant id and the keys that sign a callback from the environment, as `settingsFromEnv` does, and the RSA
 * key from a file. Keys are never passed as arguments, because other users of the machine could read them.
 * @throws CommandFailure, DragonpayError `invalid-setting`
 */
export async function readSigningKeys(
  { kind, proof, privateKeyFile }: SigningOptions,
  env: Environment,
): Promise<{
  readonly merchantId: string | undefined;
  readonly keys: SigningKeys;
  readonly wire?: WireSettings | undefined;
}> {
  if (proof === 'none') return { merchantId: env.DRAGONPAY_MERCHANT_ID?.trim(), keys: {} };
  const privateKey = privateKeyFile === undefined ? undefined : await readPrivateKey(privateKeyFile);
  const secrets =
    kind === 'payout' ? ['DRAGONPAY_PAYOUT_SECRET_KEYS'] : ['DRAGONPAY_HMAC_KEYS', 'DRAGONPAY_SECRET_KEYS'];
  if (privateKey === undefined && secrets.every((name) => env[name] === undefined)) {
    const file = kind === 'payout' ? '' : ', or pass --private-key-file';
    throw new CommandFailure(`no key to sign with: set ${secrets.join(' or ')}${file}`);
  }
  const { merchantId, verification, payout, wire } = settingsFromEnv(withPublicKey(env, privateKey));
  const [hmacKey] = verification?.hmac?.keys ?? [];
  const [secretKey] = (kind === 'payout' ? payout?.sha1 : verification?.sha1)?.secretKeys ?? [];
  const keys: SigningKeys = {
    ...(privateKey && kind === 'payment' && { rsa: { privateKey } }),
    ...(hmacKey && kind === 'payment' && { hmac: { key: hmacKey } }),
    ...(secretKey && { sha1: { secretKey } }),
  };
  return { merchantId, wire, keys: proof === 'all' ? keys : only(proof ?? strongest(keys), keys, kind) };
}

/** Settings hold public keys only, so the public half of the private key is added to them. */
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
    // The message is not printed, because it may quote the key.
  }
  throw new CommandFailure('--private-key-file must be an RSA private key in PEM without a passphrase');
}

function strongest(keys: SigningKeys): 'rsa' | 'hmac' | 'sha1' {
  return keys.rsa !== undefined ? 'rsa' : keys.hmac !== undefined ? 'hmac' : 'sha1';
}

const remedies = {
  rsa: 'pass --private-key-file',
  hmac: 'set DRAGONPAY_HMAC_KEYS',
  sha1: 'set DRAGONPAY_SECRET_KEYS',
} as const;

function only(proof: 'rsa' | 'hmac' | 'sha1', keys: SigningKeys, kind: CallbackKind): SigningKeys {
  if (kind === 'payout' && proof !== 'sha1') throw new CommandFailure('payouts are signed with sha1 only');
  if (keys[proof] === undefined) {
    const remedy = kind === 'payout' ? 'set DRAGONPAY_PAYOUT_SECRET_KEYS' : remedies[proof];
    throw new CommandFailure(`no key for a proof by ${proof}: ${remedy}`);
  }
  return { [proof]: keys[proof] };
}
