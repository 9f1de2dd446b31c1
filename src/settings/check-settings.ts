import { BlockList, isIP } from 'node:net';
import { DragonpayError } from '../errors.js';
import { type Fetch, gatewayCall, gatewayFetch } from '../gateway/gateway-client.js';
import { Inquiry } from '../gateway/inquiry.js';
import { merchantIdShape } from '../protocol/field-shapes.js';
import { gatewayAddress, isSafeGateway } from '../protocol/gateway-addresses.js';
import { dragonpayWire, isFreeText, type SignedText, type WireFormat } from '../protocol/signed-text.js';
import { hmacSignature } from '../verification/hmac-signature.js';
import type { ProofVerifier } from '../verification/proof-verifier.js';
import { FetchedPublicKeys, givenKeys, type PublicKeySource, readPublicKey } from '../verification/public-keys.js';
import { rsaSignatures } from '../verification/rsa-signatures.js';
import { sha1Digest } from '../verification/sha1-digest.js';
import type { VerificationPolicy } from '../verification/verify-callback.js';
import type { DragonpaySettings, InquirySettings, Limits, WireSettings } from './settings.js';

const defaultLimits = {
  bodyBytes: 16_384,
  queryBytes: 8_192,
  fields: 64,
  handlerMilliseconds: 10_000,
  storeMilliseconds: 10_000,
} as const satisfies Required<Limits>;

const defaultInquiry = {
  attempts: 3,
  timeoutMilliseconds: 5_000,
  backoffMilliseconds: 500,
  longestWaitMilliseconds: 8_000,
} as const satisfies Required<InquirySettings>;

/** Settings that were found to be complete, and turned into what the dispatcher works with. */
export interface CheckedSettings {
  readonly policy: VerificationPolicy;
  readonly limits: Required<Limits>;
  /** The addresses that may POST; `undefined` for all. */
  readonly allowFrom: BlockList | undefined;
  readonly publicKeys: PublicKeySource | undefined;
  readonly wire: WireFormat;
  /** Asks the gateway about payments; `undefined` without an API key. */
  readonly inquiry: Inquiry | undefined;
  /** How long asking about one payment may take at most, in milliseconds. */
  readonly inquiryMilliseconds: number;
}

/**
 * Checks settings at start, so that nothing is found wrong at the first callback.
 * @throws DragonpayError `invalid-setting`, which names the setting and never its value.
 */
export function checkSettings(settings: DragonpaySettings): CheckedSettings {
  if (typeof settings !== 'object' || settings === null) refuse('settings', 'are missing');
  const { merchantId } = settings;
  if (isBlank(merchantId) || !merchantIdShape.isValidSync(merchantId)) {
    refuse('merchantId', 'is not 1 to 20 printable ASCII characters without ":"');
  }
  checkEnvironment(settings);
  if (settings.apiKey !== undefined && isBlank(settings.apiKey)) refuse('apiKey', 'is empty or blank');
  if (settings.verification === undefined && settings.payout === undefined) {
    refuse('verification', 'is missing: without a proof to check, every callback is a forgery');
  }
  checkTypes(settings);
  const { queue, confirm = 'never' } = settings;
  if (queue !== undefined && typeof queue?.enqueue !== 'function') refuse('queue', 'has no method enqueue()');
  if (!['never', 'final', 'always'].includes(confirm)) refuse('confirm', 'is none of "never", "final" and "always"');
  if (confirm !== 'never' && settings.apiKey === undefined) refuse('apiKey', 'is missing: confirm asks the gateway');
  const wire = checkWire(settings.wire ?? {});
  const publicKeys = publicKeySource(settings);
  return {
    policy: {
      merchantId,
      accepted: {
        payment: paymentVerifiers(settings, wire, publicKeys),
        payout: settings.payout === undefined ? [] : [payoutVerifier(settings.payout, wire)],
      },
    },
    limits: checkNumbers<Limits>('limits', defaultLimits, settings.limits ?? {}),
    allowFrom: settings.allowFrom && toBlockList(settings.allowFrom),
    publicKeys,
    wire,
    ...inquiryOf(settings),
  };
}

function refuse(subject: string, complaint: string): never {
  throw new DragonpayError('invalid-setting', `${subject} ${complaint}`, { subject });
}

function isBlank(value: unknown): boolean {
  return typeof value !== 'string' || value.trim() === '';
}

/** What would otherwise be found wrong at the first callback, or, like `saveData: 'false'`, never. */
function checkTypes(settings: DragonpaySettings): void {
  const { verification, payout, wire } = settings;
  const { limits, inquiry } = settings;
  checkSections({ verification, payout, wire, hooks: settings.hooks, limits, inquiry });
  checkSections({ 'verification.rsa': verification?.rsa, 'verification.hmac': verification?.hmac });
  checkSections({ 'verification.sha1': verification?.sha1, 'payout.sha1': payout?.sha1 });
  checkSections({ 'wire.payment': wire?.payment, 'wire.payout': wire?.payout });
  const { repository, resolver, clientAddress, fetch, clock, hooks } = settings;
  if (resolver !== undefined && typeof resolver?.get !== 'function') refuse('resolver', 'has no method get()');
  checkFunctions({ clientAddress, fetch, clock });
  if (repository !== undefined) {
    const { store, findPayment, findPayout } = repository ?? {};
    for (const [name, method] of Object.entries({ store, findPayment, findPayout })) {
      if (typeof method !== 'function') refuse('repository', `has no method ${name}()`);
    }
  }
  checkFunctions(Object.fromEntries(Object.entries(hooks ?? {}).map(([name, hook]) => [`hooks.${name}`, hook])));
  if (settings.saveData !== undefined && typeof settings.saveData !== 'boolean') {
    refuse('saveData', 'is neither true nor false');
  }
}

function checkSections(sections: Readonly<Record<string, unknown>>): void {
  for (const [name, section] of Object.entries(sections)) {
    if (section !== undefined && (typeof section !== 'object' || section === null)) refuse(name, 'is no object');
  }
}

function checkFunctions(functions: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(functions)) {
    if (value !== undefined && typeof value !== 'function') refuse(name, 'is no function');
  }
}

function checkEnvironment({ environment }: DragonpaySettings): void {
  if (environment === 'test' || environment === 'production') return;
  if (typeof environment !== 'object' || environment === null || isBlank(environment.gateway)) {
    refuse('environment', 'is none of "test", "production" and { gateway: url }');
  }
  if (!isSafeGateway(gatewayAddress(environment))) {
    refuse('environment.gateway', 'is no https URL (http is for loopback addresses only)');
  }
}

function inquiryOf(settings: DragonpaySettings): Pick<CheckedSettings, 'inquiry' | 'inquiryMilliseconds'> {
  const { merchantId, apiKey, environment } = settings;
  const policy = checkNumbers('inquiry', defaultInquiry, settings.inquiry ?? {});
  const { attempts, timeoutMilliseconds, longestWaitMilliseconds } = policy;
  // Each attempt may wait for a pause that another call was told to make, and for its own backoff.
  const inquiryMilliseconds = attempts * (timeoutMilliseconds + 2 * longestWaitMilliseconds);
  if (apiKey === undefined) return { inquiry: undefined, inquiryMilliseconds };
  const call = gatewayCall({ environment, merchantId, apiKey, fetch: fetchOf(settings), timeoutMilliseconds });
  return { inquiry: new Inquiry(call, merchantId, policy), inquiryMilliseconds };
}

function fetchOf(settings: DragonpaySettings): Fetch {
  return settings.fetch ?? ((url, init) => globalThis.fetch(url, init));
}

function publicKeySource(settings: DragonpaySettings): PublicKeySource | undefined {
  const { rsa } = settings.verification ?? {};
  if (rsa === undefined) return undefined;
  if (rsa.publicKeys !== undefined) {
    const keys = checkList('verification.rsa.publicKeys', rsa.publicKeys);
    return givenKeys(
      keys.map((key, index) => {
        try {
          return readPublicKey(key);
        } catch (error) {
          return refuse(`verification.rsa.publicKeys[${index}]`, (error as Error).message);
        }
      }),
    );
  }
  const { apiKey, merchantId, environment } = settings;
  if (apiKey === undefined) refuse('apiKey', 'is missing: it fetches the public keys that verification.rsa has not');
  const fetchKeys = gatewayFetch({ environment, merchantId, apiKey, fetch: fetchOf(settings) });
  return new FetchedPublicKeys(() => fetchKeys('/keys/callback'), settings.clock ?? Date.now);
}

function paymentVerifiers(
  { verification }: DragonpaySettings,
  wire: WireFormat,
  publicKeys: PublicKeySource | undefined,
): ProofVerifier[] {
  if (verification === undefined) return [];
  const { hmac, sha1, transition = false } = verification;
  if (typeof transition !== 'boolean') refuse('verification.transition', 'is neither true nor false');
  const verifiers: ProofVerifier[] = [];
  if (publicKeys !== undefined) verifiers.push(rsaSignatures(publicKeys, wire.payment.rsa));
  if (hmac !== undefined) {
    const { encoding = 'utf8' } = hmac;
    if (encoding !== 'utf8' && encoding !== 'hex') refuse('verification.hmac.encoding', 'is neither "utf8" nor "hex"');
    const keys = checkSecrets('verification.hmac.keys', hmac.keys, encoding);
    verifiers.push(
      hmacSignature(
        keys.map((key) => Buffer.from(key, encoding)),
        wire.payment.hmac,
      ),
    );
  }
  if (sha1 !== undefined) {
    verifiers.push(sha1Digest(checkSecrets('verification.sha1.secretKeys', sha1.secretKeys), wire.payment.sha1));
  }
  if (verifiers.length === 0) refuse('verification', 'configures none of rsa, hmac and sha1');
  if (publicKeys !== undefined && verifiers.length > 1 && !transition) {
    refuse('verification', 'accepts a weaker proof beside rsa, which wants transition: true');
  }
  return verifiers;
}

function payoutVerifier(payout: NonNullable<DragonpaySettings['payout']>, wire: WireFormat): ProofVerifier {
  return sha1Digest(checkSecrets('payout.sha1.secretKeys', payout.sha1?.secretKeys), wire.payout.sha1);
}

function checkList<Item>(subject: string, list: readonly Item[]): readonly Item[] {
  if (!Array.isArray(list) || list.length === 0) refuse(subject, 'is no list of one or more');
  return list;
}

function checkSecrets(subject: string, secrets: readonly string[], encoding = 'utf8'): readonly string[] {
  for (const [index, secret] of checkList(subject, secrets).entries()) {
    if (isBlank(secret)) refuse(`${subject}[${index}]`, 'is empty or blank');
    if (encoding === 'hex' && !/^(?:[0-9a-f]{2})+$/i.test(secret)) refuse(`${subject}[${index}]`, 'is not hex');
  }
  return [...secrets];
}

function checkNumbers<Numbers extends object>(
  subject: string,
  defaults: Required<Numbers>,
  given: Numbers,
): Required<Numbers> {
  const checked = { ...defaults, ...dropUndefined(given) };
  for (const [name, value] of Object.entries(checked)) {
    if (!Object.hasOwn(defaults, name)) refuse(`${subject}.${name}`, 'is unknown');
    // Times are added up, and a timer of Node takes 31 bits: a longer one would pass at once.
    if (!Number.isSafeInteger(value) || Number(value) < 1 || Number(value) >= 2 ** 30) {
      refuse(`${subject}.${name}`, 'is no whole number of 1 to 1073741823');
    }
  }
  return checked;
}

function dropUndefined<Value extends object>(value: Value): Partial<Value> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Partial<Value>;
}

function toBlockList(addresses: readonly string[]): BlockList {
  const list = new BlockList();
  for (const [index, address] of checkList('allowFrom', addresses).entries()) {
    const [network = '', prefix, ...rest] = String(address).split('/');
    const version = isIP(network);
    const bits = prefix === undefined ? undefined : Number(prefix);
    const most = version === 4 ? 32 : 128;
    if (
      version === 0 ||
      rest.length > 0 ||
      (prefix !== undefined && !(/^\d{1,3}$/.test(prefix) && Number(prefix) <= most))
    ) {
      refuse(`allowFrom[${index}]`, 'is no IP address or CIDR block');
    }
    const family = version === 4 ? 'ipv4' : 'ipv6';
    if (bits === undefined) list.addAddress(network, family);
    else list.addSubnet(network, bits, family);
  }
  return list;
}

/** Whether a list holds an address. One of IPv4 that came over an IPv6 socket (`::ffff:192.0.2.1`) counts as IPv4. */
export function holdsAddress(list: BlockList, address: string | undefined): boolean {
  const plain = address?.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '') ?? '';
  const version = isIP(plain);
  return version !== 0 && list.check(plain, version === 4 ? 'ipv4' : 'ipv6');
}

function checkWire({ payment = {}, payout = {} }: WireSettings): WireFormat {
  const { rsa, hmac, sha1 } = dragonpayWire.payment;
  return {
    payment: {
      rsa: checkSignedText('wire.payment.rsa', 'txnid', { ...rsa, ...payment.rsa }),
      hmac: checkSignedText('wire.payment.hmac', 'txnid', { ...hmac, ...payment.hmac }),
      sha1: checkSignedText('wire.payment.sha1', 'txnid', { ...sha1, ...payment.sha1 }),
    },
    payout: {
      sha1: checkSignedText('wire.payout.sha1', 'merchantTxnId', { ...dragonpayWire.payout.sha1, ...payout.sha1 }),
    },
  };
}

const signedFields = ['refno', 'status', 'message', 'merchantid', 'param1', 'param2', 'amount'];

/** A proof must fix the id, the refno and the status, and nothing that decides may be re-cut with free text. */
function checkSignedText(subject: string, idField: 'txnid' | 'merchantTxnId', text: SignedText): SignedText {
  const fields = checkList(`${subject}.fields`, text.fields);
  if (
    fields.some((field) => field !== idField && !signedFields.includes(field)) ||
    new Set(fields).size < fields.length
  ) {
    refuse(`${subject}.fields`, 'names a field twice, or one that is never signed');
  }
  for (const field of [idField, 'refno', 'status'] as const) {
    if (!fields.includes(field)) refuse(`${subject}.fields`, `leaves ${field} unsigned`);
  }
  const firstFree = fields.findIndex(isFreeText);
  const lastFree = fields.findLastIndex(isFreeText);
  if (fields.slice(firstFree + 1, lastFree).some((field) => !isFreeText(field) && field !== 'merchantid')) {
    refuse(`${subject}.fields`, 'has a field between two free texts (message, param1, param2), which could be re-cut');
  }
  if (
    checkList(`${subject}.encodings`, text.encodings).some((encoding) => encoding !== 'utf8' && encoding !== 'ascii')
  ) {
    refuse(`${subject}.encodings`, 'names an encoding other than "utf8" and "ascii"');
  }
  return text;
}
