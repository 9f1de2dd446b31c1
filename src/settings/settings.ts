import type { HandlerClass } from '../decorators/handler-metadata.js';
import type { Fetch } from '../gateway/gateway-client.js';
import type { JobQueue } from '../jobs/job.js';
import type { CallbackRequest } from '../model/callback-request.js';
import type { Hooks } from '../observability/hooks.js';
import type { KeepRefused } from '../observability/refused-callbacks.js';
import type { Environment } from '../protocol/gateway-addresses.js';
import type { WireParts } from '../protocol/signed-text.js';
import type { CallbackRepository } from '../repository/callback-repository.js';
import type { PublicKeyInput } from '../verification/public-keys.js';

/** RSA-SHA256 proofs (`signatures`): Dragonpay's current proofs of payments. */
export interface RsaSettings {
  /** Dragonpay's public keys: PEM, base64 DER or KeyObject. Default: fetched from the gateway with `apiKey`. */
  readonly publicKeys?: readonly PublicKeyInput[];
}

/** HMAC-SHA256 proofs (`signature`). */
export interface HmacSettings {
  /** The SHA-256 secrets from Dragonpay's portal. Several are allowed, so that they can rotate. */
  readonly keys: readonly string[];
  /** How a secret is turned into bytes. Default: `utf8`. */
  readonly encoding?: 'utf8' | 'hex';
}

/** SHA-1 proofs (`digest`): deprecated for payments, and the only proofs of payouts. */
export interface Sha1Settings {
  /**
   * The secret keys. Several are allowed, so that they can rotate. They must be ASCII, unless `wire` leaves the
   * encoding `ascii` out.
   */
  readonly secretKeys: readonly string[];
}

/** The proofs of payments that are accepted. A proof that is not configured is not accepted. */
export interface VerificationSettings {
  readonly rsa?: RsaSettings;
  readonly hmac?: HmacSettings;
  readonly sha1?: Sha1Settings;
  /**
   * Must be `true` to accept a weaker proof beside `rsa`, during a change-over. A forger needs to break only the
   * weakest accepted proof. Default: `false`.
   */
  readonly transition?: boolean;
}

/** The proofs of payouts that are accepted. Dragonpay signs payouts with SHA-1 only. */
export interface PayoutSettings {
  readonly sha1: Sha1Settings;
  /**
   * Must be `true` to verify payouts with a secret that also verifies payments: the digests of both are made alike, so
   * a digest of a payment also holds for a payout of the same id. Default: `false`.
   */
  readonly sharedSecret?: boolean;
}

/** Replaces uncertain facts of the wire. Each part that is left out keeps its default. */
export type WireSettings = WireParts;

/** Bounds on the cost of one callback. */
export interface Limits {
  /** The longest body of a POST, in bytes. A longer one is answered 413. Default: 16,384. */
  readonly bodyBytes?: number;
  /** The longest query of a GET, in bytes. A longer one is answered 414. Default: 8,192. */
  readonly queryBytes?: number;
  /** How long the body of a POST may take to arrive, in milliseconds. After that: 408. Default: 10,000. */
  readonly bodyMilliseconds?: number;
  /** The most fields of a callback. More are answered 413 or 414. Default: 64. */
  readonly fields?: number;
  /** How long one handler method may take, in milliseconds. After that: 503. Default: 10,000. */
  readonly handlerMilliseconds?: number;
  /** How long the database may take beside the handler, in milliseconds. After that: 503. Default: 10,000. */
  readonly storeMilliseconds?: number;
  /**
   * How long a callback waits for its row, in milliseconds: it may come before the transaction of its order has
   * committed. It holds no connection. Default: 2,000. 0: it does not wait.
   */
  readonly earlyMilliseconds?: number;
}

/**
 * How the gateway is asked about payments. The waits between attempts depend on `timeoutMilliseconds`. The first one is
 * a tenth of it, each further one is twice as long, and none is longer than 1.6 times it. Half of each wait is random.
 * If the gateway asks for a longer wait (`Retry-After`), the inquiry fails.
 */
export interface InquirySettings {
  /** The maximum number of calls of one inquiry while the gateway is out of order (5xx, 429, no answer). Default: 3. */
  readonly attempts?: number;
  /** How long one call may take, in milliseconds. Default: 5,000. */
  readonly timeoutMilliseconds?: number;
}

/** When the gateway is asked before a payment's status is applied: never, before a final status, or always. */
export type Confirm = 'never' | 'final' | 'always';

/** Provides instances of handler classes. An Inversify container is one. */
export interface Resolver {
  get(Class: HandlerClass): unknown;
  /**
   * Throws if no instance of the class can be made, for example because a service is not bound. `endpoint()` calls it,
   * so that the error is seen at start. Without it, the first callback is answered 500.
   */
  check?(Class: HandlerClass): void;
}

/** The settings of {@link createDragonpay}. */
export interface DragonpaySettings {
  /** The merchant id. Compared with `merchantid` where a callback has it. */
  readonly merchantId: string;
  /** The gateway: `test`, `production`, or `{ gateway: url }` for a sandbox (https, or http on loopback). */
  readonly environment: Environment;
  /** The API key for the gateway's calls. Required to fetch public keys. */
  readonly apiKey?: string | undefined;
  /** How payments are verified. Default: payments are refused. */
  readonly verification?: VerificationSettings | undefined;
  /** How payouts are verified. Default: payouts are refused. */
  readonly payout?: PayoutSettings | undefined;
  /** Where callbacks are stored. Default: they are verified and handled, and not stored. */
  readonly repository?: CallbackRepository | undefined;
  /** `false` uses the repository for look-ups only, and stores nothing. Default: `true`. */
  readonly saveData?: boolean | undefined;
  /** Where handler instances come from. Default: one `new Class()` for each endpoint. */
  readonly resolver?: Resolver | undefined;
  /** The addresses and CIDR blocks that may POST. Default: all. */
  readonly allowFrom?: readonly string[] | undefined;
  /** Returns the sender's address behind a proxy that you trust. Default: the socket's address. */
  readonly clientAddress?: ((request: CallbackRequest) => string | undefined) | undefined;
  /**
   * Whether the gateway is asked before a callback moves a payment: `never`, `final` (before any status but P, U and
   * A) or `always`. If it cannot be asked, or contradicts the callback, nothing is stored and the answer is 503.
   * Requires `apiKey`. Default: `never`.
   */
  readonly confirm?: Confirm | undefined;
  /** How the gateway is asked about payments. */
  readonly inquiry?: InquirySettings | undefined;
  /** Where the jobs of `@OnStatus(..., { queue })` go. Made by an adapter of a queue. */
  readonly queue?: JobQueue | undefined;
  /** Replaces uncertain facts of the wire. */
  readonly wire?: WireSettings | undefined;
  /** Bounds on the cost of one callback. */
  readonly limits?: Limits | undefined;
  /**
   * Keeps callbacks that hold a proof and were refused, with their proofs, for the command `verify`: the last ones in
   * this process, at most 1,000 (`dragonpay.refused()`), or where a function puts them. The function is called at most
   * 60 times a minute. Default: 0, which keeps none.
   */
  readonly keepRefused?: KeepRefused | undefined;
  /** Functions that are called when something happens. Each one replaces its default. */
  readonly hooks?: Hooks | undefined;
  /** Makes the calls to the gateway, for tests and proxies. Default: the global `fetch`. */
  readonly fetch?: Fetch | undefined;
}
