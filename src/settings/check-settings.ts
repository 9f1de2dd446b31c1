import type { AnySchema } from 'yup';
import { DragonpayError, whileReading } from '../errors.js';
import type { Hooks } from '../observability/hooks.js';
import { merchantIdShape } from '../protocol/field-shapes.js';
import { isSafeGateway } from '../protocol/gateway-addresses.js';
import { loadYup } from '../protocol/load-yup.js';
import { dragonpayWire, encodeText, type SignedText, type TextEncoding } from '../protocol/signed-text.js';
import { type PublicKeyInput, readPublicKey } from '../verification/public-keys.js';
import { isWrittenIn } from '../verification/secret-encoding.js';
import { isAddressOrBlock } from './allow-list.js';
import { wireRules } from './check-wire.js';
import {
  callable,
  choice,
  flag,
  given,
  integerFromZero,
  isTrimmed,
  listOf,
  oneOf,
  positiveInteger,
  required,
  rule,
  type SettingProblem,
  section,
  withMethods,
  withRule,
} from './setting-rules.js';
import type {
  DragonpaySettings,
  HmacSettings,
  InquirySettings,
  Limits,
  PayoutSettings,
  RsaSettings,
  Sha1Settings,
  VerificationSettings,
} from './settings.js';

const trimmed = 'must be a string that is not empty and has no white space at its ends';

const merchantId = required(
  'must be 1 to 20 printable ASCII characters, without ":" and without spaces at its ends',
  (value) => isTrimmed(value) && merchantIdShape.holds(value),
);

const environment = choice((value) =>
  typeof value === 'object' && value !== null
    ? section<{ gateway: string }>({
        gateway: required(
          'must be an https URL without credentials, query and fragment (http is for loopback addresses only)',
          (url) => isTrimmed(url) && isSafeGateway(url) && !/[?#]/.test(url),
        ),
      })
    : required('must be "test", "production" or { gateway: url }', (name) => name === 'test' || name === 'production'),
);

const publicKey = withRule(
  required('', () => true),
  (value) => {
    try {
      readPublicKey(value as PublicKeyInput);
      return [];
    } catch (error) {
      return [{ problem: (error as Error).message }];
    }
  },
);

const secrets = given(listOf(required(trimmed, isTrimmed)), 'must be a list with at least one item');

const sha1 = section<Sha1Settings>({ secretKeys: secrets });

const hmac = section<HmacSettings>({ keys: secrets, encoding: oneOf('utf8', 'hex') });

const hooks = section<Hooks>({
  received: callable,
  rejected: callable,
  stored: callable,
  handlerFailed: callable,
  keepUpFailed: callable,
  inquired: callable,
  keysFailed: callable,
  replied: callable,
  replyFailed: callable,
});

/** The rules of the settings. Unknown names are refused at every level. */
export const settingsRules = withRule(
  given(
    section<DragonpaySettings>({
      merchantId,
      environment,
      apiKey: rule(trimmed, isTrimmed),
      verification: section<VerificationSettings>({
        rsa: section<RsaSettings>({ publicKeys: listOf(publicKey) }),
        hmac,
        sha1,
        transition: flag,
      }),
      payout: section<PayoutSettings>({
        sha1: given(sha1, 'must be an object with secretKeys'),
        sharedSecret: flag,
      }),
      repository: withMethods('store', 'findPayment', 'findPayout'),
      saveData: flag,
      resolver: withRule(withMethods('get'), (resolver) =>
        callable.holds((resolver as { check?: unknown } | undefined)?.check)
          ? []
          : [{ subject: 'resolver.check', problem: 'must be a function' }],
      ),
      allowFrom: listOf(required('must be an IP address or a CIDR block', isAddressOrBlock)),
      clientAddress: callable,
      confirm: oneOf('never', 'final', 'always'),
      inquiry: section<InquirySettings>({ attempts: positiveInteger, timeoutMilliseconds: positiveInteger }),
      queue: withMethods('enqueue'),
      wire: wireRules,
      limits: section<Limits>({
        bodyBytes: positiveInteger,
        queryBytes: positiveInteger,
        bodyMilliseconds: positiveInteger,
        fields: positiveInteger,
        handlerMilliseconds: positiveInteger,
        storeMilliseconds: positiveInteger,
        earlyMilliseconds: integerFromZero,
      }),
      keepRefused: rule(
        'must be an integer from 0 to 1000, or a function',
        (value) =>
          typeof value === 'function' || (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 1_000),
      ),
      hooks,
      fetch: callable,
    }),
    'must be an object',
  ),
  (settings) => problemsTogether((settings ?? {}) as object as DragonpaySettings),
);

/** Made once, when a setting is wrong for the first time. */
let settingsSchema: AnySchema | undefined;

/**
 * The rules that concern several settings. They must also read settings that are wrong, because those are reported
 * apart.
 */
function* problemsTogether(settings: DragonpaySettings): Iterable<SettingProblem> {
  const { verification, payout, apiKey, confirm } = settings;
  const { rsa, hmac, sha1, transition } = verification ?? {};
  if (verification === undefined && payout === undefined) {
    yield {
      subject: 'verification',
      problem: 'or payout is required: without a proof to check, every callback is refused',
    };
  }
  const proofs = [rsa, hmac, sha1].filter((proof) => proof !== undefined);
  if (isObject(verification) && proofs.length === 0) {
    yield { subject: 'verification', problem: 'must configure at least one of rsa, hmac and sha1' };
  }
  if (rsa !== undefined && proofs.length > 1 && transition !== true) {
    const problem = 'must be true to accept a weaker proof beside rsa: a forger needs to break only the weakest one';
    yield { subject: 'verification.transition', problem };
  }
  if (isObject(rsa) && rsa.publicKeys === undefined && apiKey === undefined) {
    yield { subject: 'apiKey', problem: 'is required to fetch the public keys, or set verification.rsa.publicKeys' };
  }
  if ((confirm === 'final' || confirm === 'always') && apiKey === undefined) {
    yield { subject: 'apiKey', problem: `is required for confirm: "${confirm}", which asks the gateway` };
  }
  yield* secretsInNoEncoding(settings);
  yield* secretsThatAreLost(settings);
  yield* secretsThatEndAlike(settings);
  const shared = listed(payout?.sha1?.secretKeys).some(([, key]) =>
    listed(sha1?.secretKeys).some(([, other]) => other === key),
  );
  if (shared && payout?.sharedSecret !== true) {
    const problem =
      'must be true to verify payments and payouts with the same secret: a digest of a payment also holds for a payout ' +
      'of the same id';
    yield { subject: 'payout.sharedSecret', problem };
  }
}

/** The secrets of each kind of proof, with the names of their settings and the readings that use them. */
function placesOfSecrets({ verification, payout, wire }: DragonpaySettings) {
  const { hmac, sha1 } = verification ?? {};
  return [
    ['verification.hmac.keys', listed(hmac?.keys), readingsIn(wire?.payment?.hmac, hmac?.encoding)],
    ['verification.sha1.secretKeys', listed(sha1?.secretKeys), readingsIn(wire?.payment?.sha1)],
    ['payout.sha1.secretKeys', listed(payout?.sha1?.secretKeys), readingsIn(wire?.payout?.sha1)],
  ] as const;
}

/** A signed text and the readings in `also`. The settings may be wrong. */
function readingsIn(text: unknown, keyEncoding: SignedText['keyEncoding'] = 'utf8'): Partial<SignedText>[] {
  const first: Partial<SignedText> = { keyEncoding, ...(isObject(text) && (text as Partial<SignedText>)) };
  const also = listed(first.also).map(([, other]) => ({ ...first, ...(isObject(other) && other) }));
  return [first, ...also];
}

/** Node would decode a secret in another encoding to a shorter key, or to an empty one that everybody knows. */
function* secretsInNoEncoding(settings: DragonpaySettings): Iterable<SettingProblem> {
  for (const [place, keys, readings] of placesOfSecrets(settings)) {
    for (const [index, key] of keys) {
      const encodings = readings.map(({ keyEncoding }) => keyEncoding);
      const broken = (['hex', 'base64'] as const).find(
        (encoding) => encodings.includes(encoding) && isTrimmed(key) && !isWrittenIn(encoding, key),
      );
      if (broken === undefined) continue;
      yield { subject: `${place}[${index}]`, problem: `must be ${broken === 'hex' ? 'pairs of hex digits' : broken}` };
    }
  }
}

/**
 * A digest is over a text and a secret. If the secret ends with another accepted secret, the same digest also holds for
 * that shorter secret and a longer text. The usual separator in front of the secret prevents that, unless a secret
 * contains it.
 */
function* secretsThatEndAlike(settings: DragonpaySettings): Iterable<SettingProblem> {
  for (const [place, keys, readings] of placesOfSecrets(settings).slice(1)) {
    for (const [index, key] of keys) {
      const isPart = keys.some(([, other]) => readings.some((reading) => couldHoldFor(key, other, reading)));
      const problem =
        'must not be the beginning or the end of another secret where wire sets keySeparator: a digest could hold for two texts';
      if (isPart) yield { subject: `${place}[${index}]`, problem };
    }
  }
}

function couldHoldFor(key: unknown, other: unknown, { keySeparator, keyEncoding, key: side }: Partial<SignedText>) {
  if (!isTrimmed(key) || !isTrimmed(other) || key === other || typeof keySeparator !== 'string') return false;
  const encoding = keyEncoding === 'hex' || keyEncoding === 'base64' ? keyEncoding : 'utf8';
  const [short, long] = [key, other].map((secret) => Buffer.from(secret, encoding).toString('latin1'));
  return side === 'in-front'
    ? `${long}${keySeparator}`.startsWith(`${short}${keySeparator}`)
    : `${keySeparator}${long}`.endsWith(`${keySeparator}${short}`);
}

/**
 * The ASCII encoding of Dragonpay's sample code writes `?` for every other character, also in the secret. Such a secret
 * can be guessed: `????` stands for every secret of four such characters. The other 8-bit encodings also write `?` for
 * characters that they do not have.
 */
function* secretsThatAreLost({ verification, payout, wire }: DragonpaySettings): Iterable<SettingProblem> {
  const places = [
    ['verification', verification?.sha1, 'payment', wire?.payment?.sha1],
    ['payout', payout?.sha1, 'payout', wire?.payout?.sha1],
  ] as const;
  for (const [place, sha1, kind, text] of places) {
    const { encodings = dragonpayWire[kind].sha1.encodings, also } = text ?? {};
    const every = [encodings, ...listed(also).map(([, reading]) => (reading as Partial<SignedText> | null)?.encodings)];
    const lossy = every.flatMap((list) =>
      eightBit.filter((encoding) => Array.isArray(list) && list.includes(encoding)),
    );
    for (const [index, key] of listed(sha1?.secretKeys)) {
      const encoding = typeof key === 'string' ? lossy.find((one) => isLost(key, one)) : undefined;
      if (encoding === undefined) continue;
      const problem =
        `must be ASCII, because the encoding "${encoding}" writes ? for other characters and so makes the secret ` +
        `guessable; to keep it, set wire.${kind}.sha1.encodings to ["utf8"]`;
      yield { subject: `${place}.sha1.secretKeys[${index}]`, problem };
    }
  }
}

const eightBit = ['ascii', 'latin1', 'windows-1252'] as const satisfies readonly TextEncoding[];

function isLost(text: string, encoding: TextEncoding): boolean {
  return encodeText(text, encoding).toString('latin1').split('?').length > text.split('?').length;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function listed(list: unknown): Array<[index: number, item: unknown]> {
  return Array.isArray(list) ? [...list.entries()] : [];
}

/** Finds everything that is wrong with settings, in the order of the documentation. Constructs nothing. */
export function settingProblems(settings: DragonpaySettings): readonly SettingProblem[] {
  if (settingsRules.holds(settings)) return [];
  settingsSchema ??= settingsRules.schema();
  try {
    settingsSchema.validateSync(settings, { strict: true, abortEarly: false });
    return [];
  } catch (error) {
    if (!loadYup().ValidationError.isError(error)) throw error;
    const errors = error.inner.length > 0 ? error.inner : [error];
    return errors.map(({ path, message }) => ({ subject: path || 'settings', problem: message }));
  }
}

/**
 * Checks settings at start, so that no mistake is found only at the first callback. Constructs nothing.
 * @throws DragonpayError `invalid-setting`, with one line for each problem. It never holds a value. `subject` is the
 *   first setting that is wrong.
 */
export function checkSettings(settings: DragonpaySettings): void {
  refuseProblems(whileReading('settings', () => settingProblems(settings)));
}

/** Throws one error for all problems. Does nothing if there are none. */
export function refuseProblems(problems: readonly SettingProblem[]): void {
  const [first] = problems;
  if (first === undefined) return;
  const lines = problems.map(({ subject, problem }) => `${subject} ${problem}`);
  throw new DragonpayError('invalid-setting', lines.join('\n'), { subject: first.subject });
}
