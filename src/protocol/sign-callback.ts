import { constants, createHash, createHmac, createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { invalidSetting } from '../errors.js';
import { nameOnWire, type ProofAlgorithm } from './fields.js';
import { checkNames, checkSpelling } from './nearest-name.js';
import { withTwoDecimals, writeAmount } from './read-amount.js';
import {
  encodeText,
  type SignedText,
  signedTextFor,
  type TextEncoding,
  transform,
  type WireParts,
  withWireParts,
} from './signed-text.js';

/** The decoded fields of a callback, by their names on the wire. One with `merchantTxnId` is of a payout. */
export type CallbackFields = Readonly<Record<string, string>>;

/** The keys to sign with. Each key makes one proof. */
export interface SigningKeys {
  /** Makes `signatures`. A private RSA key: PEM or KeyObject. */
  readonly rsa?: { readonly privateKey: string | KeyObject };
  /** Makes `signature`. */
  readonly hmac?: { readonly key: string; readonly encoding?: 'utf8' | 'hex' };
  /** Makes `digest`. */
  readonly sha1?: { readonly secretKey: string };
}

/** Options of {@link signCallback}. */
export interface SignOptions {
  /** Signed if the fields have no `merchantid`. Default: empty. */
  readonly merchantId?: string;
  /** The encoding of the SHA-1 text. `ascii` replaces each other character by `?`. Default: `utf8`. */
  readonly encoding?: TextEncoding;
  /**
   * How the signed texts differ from Dragonpay's, as in the setting `wire` of the receiver. Default: they do not
   * differ.
   */
  readonly wire?: WireParts | undefined;
}

/**
 * Signs a callback as Dragonpay does. Returns the fields and their proofs. It shares the description of the signed text and
 * the encoding of values with the verification, but joins and signs on its own.
 *
 * @example
 * const fields = { txnid: 'T-1', refno: 'ABCD1234', status: 'S', message: '[000] OK', amount: '100.00' };
 * const body = encodeCallback(signCallback(fields, { sha1: { secretKey } }));
 */
export function signCallback(
  fields: CallbackFields,
  keys: SigningKeys,
  options: SignOptions = {},
): Record<string, string> {
  checkSpelling(fields, [], 'fields');
  checkNames(keys, { rsa: true, hmac: true, sha1: true }, 'keys');
  checkKeys(keys);
  checkNames(options, { merchantId: true, encoding: true, wire: true });
  const { merchantId = '', encoding, wire = {} } = options;
  const isPayout = isPayoutCallback(fields);
  const format = withWireParts(wire);
  const readingOf = (algorithm: ProofAlgorithm) => signedTextFor(format, isPayout ? 'payout' : 'payment', algorithm);
  const bytesOf = (text: string, { encodings }: SignedText, chosen?: TextEncoding) =>
    encodeText(text, chosen ?? encodings[0] ?? 'utf8');
  const proofs: Record<string, string> = {};
  if (keys.sha1 !== undefined) {
    const reading = readingOf('sha1');
    const { separator = ':', key = 'behind', keySeparator = separator, hash = 'sha1', keyEncoding = 'utf8' } = reading;
    const toBytes = (text: string) => bytesOf(text, reading, encoding);
    const parts = [toBytes(signedText(fields, reading, merchantId)), toBytes(keySeparator)];
    const { secretKey } = keys.sha1;
    // A key with the encoding `utf8` is a part of the text, so it gets the encoding of the text.
    const secret = keyEncoding === 'utf8' ? toBytes(secretKey) : Buffer.from(secretKey, keyEncoding);
    const whole = Buffer.concat(key === 'behind' ? [...parts, secret] : [secret, ...parts.reverse()]);
    proofs.digest = createHash(hash).update(whole).digest('hex');
  }
  if (keys.hmac !== undefined && !isPayout) {
    const reading = readingOf('hmac');
    const key = Buffer.from(keys.hmac.key, reading.keyEncoding ?? keys.hmac.encoding ?? 'utf8');
    const bytes = bytesOf(signedText(fields, reading, merchantId), reading);
    proofs.signature = createHmac(reading.hash ?? 'sha256', key)
      .update(bytes)
      .digest('hex')
      .toUpperCase();
  }
  if (keys.rsa !== undefined && !isPayout) {
    const reading = readingOf('rsa');
    const padding = reading.padding === 'pss' ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
    const bytes = bytesOf(signedText(fields, reading, merchantId), reading);
    const { privateKey } = keys.rsa;
    const key = typeof privateKey === 'string' ? readPrivateKey(privateKey) : privateKey;
    proofs.signatures = sign(reading.hash ?? 'sha256', bytes, { key, padding }).toString('base64');
  }
  return { ...fields, ...proofs };
}

function readPrivateKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw invalidSetting('keys.rsa.privateKey', 'must be a private key in PEM', { cause });
  }
}

/** @throws DragonpayError `invalid-setting` for keys of another shape, such as `{ sha1: 'a secret' }` */
function checkKeys({ rsa, hmac, sha1 }: SigningKeys): void {
  if (rsa !== undefined) checkNames(rsa, { privateKey: true }, 'keys.rsa');
  if (hmac !== undefined) checkNames(hmac, { key: true, encoding: true }, 'keys.hmac');
  if (sha1 !== undefined) checkNames(sha1, { secretKey: true }, 'keys.sha1');
  const texts = { 'keys.hmac.key': hmac?.key ?? hmac, 'keys.sha1.secretKey': sha1?.secretKey ?? sha1 };
  for (const [name, text] of Object.entries(texts)) {
    if (text !== undefined && typeof text !== 'string') throw invalidSetting(name, 'must be a string');
  }
  if (rsa !== undefined && !rsa.privateKey) throw invalidSetting('keys.rsa.privateKey', 'must be a PEM or a KeyObject');
}

/** The text that a proof of these fields covers. A SHA-1 digest is over this text, a separator and the secret key. */
export function signedTextOf(
  fields: CallbackFields,
  algorithm: ProofAlgorithm,
  merchantId = '',
  wire: WireParts = {},
): string {
  const kind = isPayoutCallback(fields) ? 'payout' : 'payment';
  return signedText(fields, signedTextFor(withWireParts(wire), kind, algorithm), merchantId);
}

function signedText(fields: CallbackFields, reading: SignedText, merchantId: string): string {
  const { separator = ':', pairs, empty, values = 'decoded', amount = 'two-decimals' } = reading;
  const byName = new Map(Object.entries(fields).map((field) => [field[0].toLowerCase(), field]));
  return reading.fields
    .flatMap((field) => {
      const [given = nameOnWire(field), text] = byName.get(nameOnWire(field).toLowerCase()) ?? [];
      const sent = text || (field === 'merchantid' ? merchantId : '');
      const value =
        field === 'amount' && amount !== 'as-sent'
          ? writeAmount(isDecimal(sent) ? withTwoDecimals(sent) : sent, amount)
          : transform(sent, values, () => encode(sent));
      if (value === '' && empty === 'left-out') return [];
      return [pairs ? `${pairs === 'as-sent' ? given : nameOnWire(field)}=${value}` : value];
    })
    .join(separator);
}

function isPayoutCallback(fields: CallbackFields): boolean {
  return Object.keys(fields).some((name) => name.toLowerCase() === 'merchanttxnid');
}

function isDecimal(amount: string): boolean {
  return /^\d+(?:\.\d{0,2})?$/.test(amount);
}

/**
 * Encodes fields as application/x-www-form-urlencoded with the escapes that Dragonpay uses: lower-case hex, and `+`
 * for a space. The body of a POST, or the query of a GET.
 */
export function encodeCallback(fields: CallbackFields): string {
  checkSpelling(fields, [], 'fields');
  return Object.entries(fields)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .join('&');
}

function encode(text: string): string {
  // A lone surrogate has no form in UTF-8. It is signed as U+FFFD, so it is sent as U+FFFD.
  return encodeURIComponent(text.toWellFormed())
    .replaceAll('%20', '+')
    .replace(/['~]/g, (character) => `%${character.charCodeAt(0).toString(16)}`)
    .replace(/%[0-9A-F]{2}/g, (escaped) => escaped.toLowerCase());
}
