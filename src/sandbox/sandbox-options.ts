import { randomBytes } from 'node:crypto';
import { DragonpayError } from '../errors.js';
import { merchantIdShape } from '../protocol/field-shapes.js';
import type { ProofAlgorithm } from '../protocol/signed-text.js';

/** Where callbacks go. A merchant has at most one of each. */
export interface RegisteredUrls {
  /** Called by the sandbox. Without it, later updates of a payment go to the return URL, by GET. */
  readonly postbackUrl?: string | undefined;
  /** Where the payer's browser is sent. */
  readonly returnUrl?: string | undefined;
  readonly payoutPostbackUrl?: string | undefined;
}

/** Options of {@link startSandbox}. */
export interface SandboxOptions extends RegisteredUrls {
  /** Any free one when not given. */
  readonly port?: number;
  /** `127.0.0.1` when not given: nobody but this machine reaches it. */
  readonly host?: string;
  /** `SANDBOX` when not given. */
  readonly merchantId?: string;
  /** The password of the gateway's calls. Random when not given. */
  readonly apiKey?: string;
  /** Signs requests, and the SHA-1 digests of callbacks. Random when not given. */
  readonly secretKey?: string;
  /** Signs the HMAC of callbacks. Random when not given. */
  readonly hmacKey?: string;
  /** The proofs that callbacks of payments carry; RSA alone when not given. Payouts always carry SHA-1. */
  readonly proofs?: readonly ProofAlgorithm[];
  /** How the postback URL is called: `POST` when not given. */
  readonly postbackMethod?: 'POST' | 'GET';
}

/** Settings of `createDragonpay` that fit a sandbox. */
export interface SandboxSettings {
  readonly merchantId: string;
  readonly environment: { readonly gateway: string };
  readonly apiKey: string;
  readonly verification: {
    readonly rsa?: Readonly<Record<never, never>>;
    readonly hmac?: { readonly keys: readonly string[] };
    readonly sha1?: { readonly secretKeys: readonly string[] };
    readonly transition?: boolean;
  };
  readonly payout: { readonly sha1: { readonly secretKeys: readonly string[] } };
}

/** The merchant that the sandbox serves. */
export interface MerchantAccount {
  readonly merchantId: string;
  readonly apiKey: string;
  readonly secretKey: string;
  readonly hmacKey: string;
  readonly proofs: readonly ProofAlgorithm[];
  readonly postbackMethod: 'POST' | 'GET';
}

const everyProof: readonly ProofAlgorithm[] = ['rsa', 'hmac', 'sha1'];

/** @throws DragonpayError `invalid-setting` */
export function readAccount(options: SandboxOptions): MerchantAccount {
  const { merchantId = 'SANDBOX', proofs = ['rsa'], postbackMethod = 'POST' } = options;
  if (merchantId === '' || !merchantIdShape.isValidSync(merchantId)) {
    refuse('merchantId', 'is not 1 to 20 printable ASCII characters without ":"');
  }
  if (!Array.isArray(proofs) || proofs.length === 0 || proofs.some((proof) => !everyProof.includes(proof))) {
    refuse('proofs', 'is no list of "rsa", "hmac" and "sha1"');
  }
  if (postbackMethod !== 'POST' && postbackMethod !== 'GET') refuse('postbackMethod', 'is neither "POST" nor "GET"');
  const [apiKey, secretKey, hmacKey] = (['apiKey', 'secretKey', 'hmacKey'] as const).map((name) => {
    const value = options[name] ?? randomBytes(20).toString('hex');
    if (typeof value !== 'string' || value.trim() === '') refuse(name, 'is empty or blank');
    return value;
  }) as [string, string, string];
  return {
    merchantId,
    apiKey,
    secretKey,
    hmacKey,
    proofs: everyProof.filter((one) => proofs.includes(one)),
    postbackMethod,
  };
}

/** @throws DragonpayError `invalid-setting` for what is no http or https URL. */
export function readUrls({ postbackUrl, returnUrl, payoutPostbackUrl }: RegisteredUrls): RegisteredUrls {
  const urls = { postbackUrl, returnUrl, payoutPostbackUrl };
  for (const [name, value] of Object.entries(urls)) {
    if (value === undefined) continue;
    const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol)) refuse(name, 'is no http or https URL');
    if (url.username !== '' || url.password !== '') refuse(name, 'holds a user name or password');
  }
  return urls;
}

/** The settings of a receiver of this merchant's callbacks. */
export function settingsOf(account: MerchantAccount, gateway: string): SandboxSettings {
  const { merchantId, apiKey, secretKey, hmacKey, proofs } = account;
  const verification: SandboxSettings['verification'] = {
    ...(proofs.includes('rsa') && { rsa: {} }),
    ...(proofs.includes('hmac') && { hmac: { keys: [hmacKey] } }),
    ...(proofs.includes('sha1') && { sha1: { secretKeys: [secretKey] } }),
    ...(proofs.includes('rsa') && proofs.length > 1 && { transition: true }),
  };
  return { merchantId, environment: { gateway }, apiKey, verification, payout: { sha1: { secretKeys: [secretKey] } } };
}

function refuse(subject: string, complaint: string): never {
  throw new DragonpayError('invalid-setting', `${subject} ${complaint}`, { subject });
}
