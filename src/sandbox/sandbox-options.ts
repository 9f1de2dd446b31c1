import { randomBytes } from 'node:crypto';
import { invalidSetting, whileReading } from '../errors.js';
import { merchantIdShape } from '../protocol/field-shapes.js';
import type { ProofAlgorithm } from '../protocol/fields.js';
import { checkNames, type NamesOf } from '../protocol/nearest-name.js';
import { type WireParts, withWireParts } from '../protocol/signed-text.js';

/** The URLs that callbacks go to. A merchant has at most one of each. */
export interface RegisteredUrls {
  /** Called by the sandbox. If it is not set, later updates of a payment go to the return URL by GET. */
  readonly postbackUrl?: string | undefined;
  /** The payer's browser is sent there. */
  readonly returnUrl?: string | undefined;
  /** Called by the sandbox for payouts. */
  readonly payoutPostbackUrl?: string | undefined;
}

/** Options of {@link startSandbox}. */
export interface SandboxOptions extends RegisteredUrls {
  /** Default: any free port. */
  readonly port?: number;
  /** Default: `127.0.0.1`, which only this machine can reach. */
  readonly host?: string;
  /** Default: `SANDBOX`. */
  readonly merchantId?: string;
  /** The password for calls of the gateway's API. Default: random. */
  readonly apiKey?: string;
  /** The key of signed requests, and of SHA-1 digests of callbacks. Default: random. */
  readonly secretKey?: string;
  /** The key of the HMAC signatures of callbacks. Default: random. */
  readonly hmacKey?: string;
  /** The proofs of payment callbacks. Default: `['rsa']`. Payout callbacks always have SHA-1. */
  readonly proofs?: readonly ProofAlgorithm[];
  /** The HTTP method of postbacks. Default: `POST`. */
  readonly postbackMethod?: 'POST' | 'GET';
  /**
   * How the texts of the proofs are made, to try a gateway that differs from the documented one: the setting `wire` of the
   * receiver. It is not among {@link SandboxSettings}: by default a receiver refuses such callbacks.
   */
  readonly wire?: WireParts | undefined;
}

/** Settings of `createDragonpay` for a sandbox. */
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
  readonly payout: { readonly sha1: { readonly secretKeys: readonly string[] }; readonly sharedSecret?: true };
}

/** The merchant that the sandbox serves. */
export interface MerchantAccount {
  readonly merchantId: string;
  readonly apiKey: string;
  readonly secretKey: string;
  readonly hmacKey: string;
  readonly proofs: readonly ProofAlgorithm[];
  readonly postbackMethod: 'POST' | 'GET';
  readonly wire: WireParts;
}

const knownUrls: NamesOf<RegisteredUrls> = { postbackUrl: true, returnUrl: true, payoutPostbackUrl: true };

const knownOptions: NamesOf<SandboxOptions> = {
  ...knownUrls,
  port: true,
  host: true,
  merchantId: true,
  apiKey: true,
  secretKey: true,
  hmacKey: true,
  proofs: true,
  postbackMethod: true,
  wire: true,
};

const everyProof: readonly ProofAlgorithm[] = ['rsa', 'hmac', 'sha1'];

/** Reads the merchant's account and fills in the defaults. @throws DragonpayError `invalid-setting` */
export function readAccount(options: SandboxOptions): MerchantAccount {
  return whileReading('options', () => accountOf(options));
}

function accountOf(options: SandboxOptions): MerchantAccount {
  checkNames(options, knownOptions);
  const { merchantId = 'SANDBOX', proofs = ['rsa'], postbackMethod = 'POST', wire = {} } = options;
  if (merchantId === '' || !merchantIdShape.holds(merchantId)) {
    throw invalidSetting('merchantId', 'must be 1 to 20 printable ASCII characters without ":"');
  }
  if (!Array.isArray(proofs) || proofs.length === 0 || proofs.some((proof) => !everyProof.includes(proof))) {
    throw invalidSetting('proofs', 'must be a list of "rsa", "hmac" and "sha1"');
  }
  if (postbackMethod !== 'POST' && postbackMethod !== 'GET')
    throw invalidSetting('postbackMethod', 'must be "POST" or "GET"');
  if (typeof wire !== 'object' || wire === null) throw invalidSetting('wire', 'must be an object');
  withWireParts(wire);
  const [apiKey, secretKey, hmacKey] = (['apiKey', 'secretKey', 'hmacKey'] as const).map((name) => {
    const value = options[name] ?? randomBytes(20).toString('hex');
    if (typeof value !== 'string' || value.trim() === '') throw invalidSetting(name, 'must not be blank');
    return value;
  }) as [string, string, string];
  return {
    merchantId,
    apiKey,
    secretKey,
    hmacKey,
    proofs: everyProof.filter((one) => proofs.includes(one)),
    postbackMethod,
    wire,
  };
}

/** Checks that each URL is http or https, without a user name or password. @throws DragonpayError `invalid-setting` */
export function readUrls({ postbackUrl, returnUrl, payoutPostbackUrl }: RegisteredUrls): RegisteredUrls {
  const urls = { postbackUrl, returnUrl, payoutPostbackUrl };
  for (const [name, value] of Object.entries(urls)) {
    if (value === undefined) continue;
    const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol))
      throw invalidSetting(name, 'must be an http or https URL');
    if (url.username !== '' || url.password !== '')
      throw invalidSetting(name, 'must not contain a user name or password');
  }
  return urls;
}

/** The settings of a receiver for this merchant's callbacks. */
export function settingsOf(account: MerchantAccount, gateway: string): SandboxSettings {
  const { merchantId, apiKey, secretKey, hmacKey, proofs } = account;
  const verification: SandboxSettings['verification'] = {
    ...(proofs.includes('rsa') && { rsa: {} }),
    ...(proofs.includes('hmac') && { hmac: { keys: [hmacKey] } }),
    ...(proofs.includes('sha1') && { sha1: { secretKeys: [secretKey] } }),
    ...(proofs.includes('rsa') && proofs.length > 1 && { transition: true }),
  };
  // In the sandbox, the digests of payments and payouts have one secret.
  const payout = { sha1: { secretKeys: [secretKey] }, ...(proofs.includes('sha1') && { sharedSecret: true as const }) };
  return { merchantId, environment: { gateway }, apiKey, verification, payout };
}
