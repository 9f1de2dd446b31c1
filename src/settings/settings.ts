import type { HandlerClass } from '../decorators/handler-metadata.js';
import type { Fetch } from '../gateway/gateway-client.js';
import type { JobQueue } from '../jobs/job.js';
import type { CallbackRequest } from '../model/callback-request.js';
import type { Hooks } from '../observability/hooks.js';
import type { Environment } from '../protocol/gateway-addresses.js';
import type { ProofAlgorithm, SignedText } from '../protocol/signed-text.js';
import type { CallbackRepository } from '../repository/callback-repository.js';
import type { PublicKeyInput } from '../verification/public-keys.js';

/** RSA-SHA256 proofs (`signatures`), Dragonpay's current ones for payments. */
export interface RsaSettings {
  /** Dragonpay's public keys: PEM, base64 DER or KeyObject. Fetched from the gateway with `apiKey` when not given. */
  readonly publicKeys?: readonly PublicKeyInput[];
}

/** HMAC-SHA256 proofs (`signature`). */
export interface HmacSettings {
  /** The SHA-256 secrets from Dragonpay's portal, any of which may match. */
  readonly keys: readonly string[];
  /** How a secret becomes bytes; `utf8` when not given. */
  readonly encoding?: 'utf8' | 'hex';
}

/** SHA-1 proofs (`digest`), deprecated for payments, still the only ones for payouts. */
export interface Sha1Settings {
  /** The secret keys, any of which may match. */
  readonly secretKeys: readonly string[];
}

/** Which proofs of payments are accepted: those that are configured here, and no others. */
export interface VerificationSettings {
  readonly rsa?: RsaSettings;
  readonly hmac?: HmacSettings;
  readonly sha1?: Sha1Settings;
  /**
   * Must be `true` for `rsa` beside a weaker proof: as long as the weaker one is accepted, a forger needs to break
   * only that. For the time of a change-over.
   */
  readonly transition?: boolean;
}

/** Which proofs of payouts are accepted. Dragonpay signs them with SHA-1 only. */
export interface PayoutSettings {
  readonly sha1: Sha1Settings;
}

/** Replaces uncertain facts of the wire: see `dragonpayWire`. */
export interface WireSettings {
  readonly payment?: { readonly [algorithm in ProofAlgorithm]?: Partial<SignedText> };
  readonly payout?: { readonly sha1?: Partial<SignedText> };
}

/** Bounds on what one callback may cost. */
export interface Limits {
  /** Longest body of a POST, in bytes: 16,384. Over it: 413. */
  readonly bodyBytes?: number;
  /** Longest query of a GET, in bytes: 8,192. Over it: 414. */
  readonly queryBytes?: number;
  /** Most fields in a callback: 64. Over it: 413 or 414. */
  readonly fields?: number;
  /** How long one handler method may take, in milliseconds: 10,000. Over it: 503. */
  readonly handlerMilliseconds?: number;
  /** How long the database may take beside that, in milliseconds: 10,000. Over it: 503. */
  readonly storeMilliseconds?: number;
}

/** How the gateway is asked about payments. */
export interface InquirySettings {
  /** How often a call is tried that meets an outage (5xx, 429, no answer): 3. */
  readonly attempts?: number;
  /** How long a call may take, in milliseconds: 5,000. */
  readonly timeoutMilliseconds?: number;
  /** The wait before the second try, in milliseconds, of which a part is chance: 500. It doubles with each. */
  readonly backoffMilliseconds?: number;
  /** The longest wait, in milliseconds: 8,000. Where the gateway asks for more (`Retry-After`) the call is given up. */
  readonly longestWaitMilliseconds?: number;
}

/** Whether the gateway is asked before a payment's status is applied: before a final one, any, or none. */
export type Confirm = 'never' | 'final' | 'always';

/** Gives instances of handler classes. An Inversify container is one. */
export interface Resolver {
  get(Class: HandlerClass): unknown;
}

/** The settings of {@link createDragonpay}. */
export interface DragonpaySettings {
  /** The merchant id: compared with `merchantid` where that is on the wire. */
  readonly merchantId: string;
  /** Which gateway calls go to: `test`, `production`, or `{ gateway: url }` for a sandbox (https, or http on loopback). */
  readonly environment: Environment;
  /** The API key for the gateway's calls. Required to fetch public keys. */
  readonly apiKey?: string | undefined;
  /** How payments are verified. Payments are refused when not given. */
  readonly verification?: VerificationSettings | undefined;
  /** How payouts are verified. Payouts are refused when not given. */
  readonly payout?: PayoutSettings | undefined;
  /** Where callbacks are stored. None: they are verified and handled, and nothing is stored. */
  readonly repository?: CallbackRepository | undefined;
  /** `false`: the repository is for look-ups only, nothing is stored. */
  readonly saveData?: boolean | undefined;
  /** Where handler instances come from; one `new Class()` for each endpoint when not given. */
  readonly resolver?: Resolver | undefined;
  /** Addresses and CIDR blocks that may POST; all when not given. */
  readonly allowFrom?: readonly string[] | undefined;
  /** Finds the sender's address, behind a proxy that one trusts; the socket's address when not given. */
  readonly clientAddress?: ((request: CallbackRequest) => string | undefined) | undefined;
  /**
   * Whether the gateway is asked before a callback moves a payment: `never` (when not given), `final` (before any
   * status but P, U and A) or `always`. Where it cannot be asked, or says otherwise, nothing is stored and the answer
   * is 503. Needs `apiKey`.
   */
  readonly confirm?: Confirm | undefined;
  readonly inquiry?: InquirySettings | undefined;
  /** Where the jobs of `@OnStatus(..., { queue })` go: made by an adapter of a queue. */
  readonly queue?: JobQueue | undefined;
  readonly wire?: WireSettings | undefined;
  readonly limits?: Limits | undefined;
  readonly hooks?: Hooks | undefined;
  /** For tests and proxies; the global `fetch` when not given. */
  readonly fetch?: Fetch | undefined;
  /** The time in milliseconds, for the age of fetched keys; `Date.now` when not given. */
  readonly clock?: (() => number) | undefined;
}
