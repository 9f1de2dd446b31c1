import type { BlockList } from 'node:net';
import { type Fetch, gatewayCall, gatewayText } from '../gateway/gateway-client.js';
import { Inquiry } from '../gateway/inquiry.js';
import type { RetryPolicy } from '../gateway/retry.js';
import { defaultHooks } from '../observability/default-hooks.js';
import type { Hooks } from '../observability/hooks.js';
import { tell } from '../observability/tell.js';
import { type WireFormat, withWireParts } from '../protocol/signed-text.js';
import { FetchedPublicKeys } from '../verification/fetched-public-keys.js';
import { hmacSignature } from '../verification/hmac-signature.js';
import type { ProofVerifier } from '../verification/proof-verifier.js';
import { givenKeys, type PublicKeySource, readPublicKey } from '../verification/public-keys.js';
import { rsaSignatures } from '../verification/rsa-signatures.js';
import { sha1Digest } from '../verification/sha1-digest.js';
import type { VerificationPolicy } from '../verification/verify-callback.js';
import { toAllowList } from './allow-list.js';
import { checkSettings } from './check-settings.js';
import type { DragonpaySettings, InquirySettings, Limits } from './settings.js';

const defaultLimits = {
  bodyBytes: 16_384,
  queryBytes: 8_192,
  bodyMilliseconds: 10_000,
  fields: 64,
  handlerMilliseconds: 10_000,
  storeMilliseconds: 10_000,
  earlyMilliseconds: 2_000,
} as const satisfies Required<Limits>;

const defaultInquiry = { attempts: 3, timeoutMilliseconds: 5_000 } as const satisfies Required<InquirySettings>;

/** The values with which the dispatcher and the operations work, made from checked settings. */
export interface ResolvedSettings {
  readonly policy: VerificationPolicy;
  readonly limits: Required<Limits>;
  /** The addresses that may POST. `undefined` allows all. */
  readonly allowFrom: BlockList | undefined;
  readonly publicKeys: PublicKeySource | undefined;
  readonly wire: WireFormat;
  /** The given hooks, with default hooks for the missing ones. */
  readonly hooks: Hooks;
  /** Asks the gateway about payments. `undefined` without an API key. */
  readonly inquiry: Inquiry | undefined;
  /** The longest time that asking about one payment can take, in milliseconds. */
  readonly inquiryMilliseconds: number;
}

/**
 * Checks settings, and makes the verifiers, the gateway client and the limits from them. Nothing is fetched yet.
 * @throws DragonpayError `invalid-setting`, as {@link checkSettings}
 */
export function resolveSettings(settings: DragonpaySettings): ResolvedSettings {
  checkSettings(settings);
  const { merchantId, payout, allowFrom, repository, saveData = true } = settings;
  const wire = withWireParts(settings.wire ?? {});
  const hooks = withDefaults<Hooks>(defaultHooks(), settings.hooks);
  const publicKeys = publicKeySource(settings, hooks);
  return {
    policy: {
      merchantId,
      accepted: {
        payment: paymentVerifiers(settings, wire, publicKeys),
        payout: payout === undefined ? [] : [sha1Digest([...payout.sha1.secretKeys], wire.payout.sha1)],
      },
      isStored: repository !== undefined && saveData,
    },
    limits: withDefaults<Required<Limits>>(defaultLimits, settings.limits),
    allowFrom: allowFrom && toAllowList(allowFrom),
    publicKeys,
    wire,
    hooks,
    ...inquiryOf(settings),
  };
}

function withDefaults<Settings extends object>(defaults: Settings, given: Partial<Settings> = {}): Settings {
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(set) };
}

function inquiryOf(settings: DragonpaySettings): Pick<ResolvedSettings, 'inquiry' | 'inquiryMilliseconds'> {
  const { merchantId, apiKey, environment } = settings;
  const { attempts, timeoutMilliseconds } = withDefaults<Required<InquirySettings>>(defaultInquiry, settings.inquiry);
  const policy: RetryPolicy = {
    attempts,
    backoffMilliseconds: timeoutMilliseconds / 10,
    longestWaitMilliseconds: timeoutMilliseconds * 1.6,
  };
  // Before each attempt, an inquiry may wait for the gateway's pause and for its own backoff.
  const inquiryMilliseconds = Math.ceil(attempts * (timeoutMilliseconds + 2 * policy.longestWaitMilliseconds));
  if (apiKey === undefined) return { inquiry: undefined, inquiryMilliseconds };
  const call = gatewayCall({ environment, merchantId, apiKey, fetch: fetchOf(settings), timeoutMilliseconds });
  return { inquiry: new Inquiry(call, merchantId, policy), inquiryMilliseconds };
}

function fetchOf(settings: DragonpaySettings): Fetch {
  return settings.fetch ?? ((url, init) => globalThis.fetch(url, init));
}

function publicKeySource(settings: DragonpaySettings, hooks: Hooks): PublicKeySource | undefined {
  const { apiKey, merchantId, environment, verification } = settings;
  const { rsa } = verification ?? {};
  if (rsa === undefined) return undefined;
  if (rsa.publicKeys !== undefined) return givenKeys(rsa.publicKeys.map(readPublicKey));
  // `apiKey` is set: the check refuses these settings without it.
  const fetchKeys = gatewayText({ environment, merchantId, apiKey: apiKey as string, fetch: fetchOf(settings) });
  return new FetchedPublicKeys(
    () => fetchKeys('/keys/callback'),
    (problem) => tell(hooks.keysFailed, { problem }),
  );
}

function paymentVerifiers(
  { verification }: DragonpaySettings,
  wire: WireFormat,
  publicKeys: PublicKeySource | undefined,
): ProofVerifier[] {
  const { hmac, sha1 } = verification ?? {};
  const verifiers: ProofVerifier[] = [];
  if (publicKeys !== undefined) verifiers.push(rsaSignatures(publicKeys, wire.payment.rsa));
  if (hmac !== undefined) {
    verifiers.push(hmacSignature([...hmac.keys], wire.payment.hmac, hmac.encoding));
  }
  if (sha1 !== undefined) verifiers.push(sha1Digest([...sha1.secretKeys], wire.payment.sha1));
  return verifiers;
}
