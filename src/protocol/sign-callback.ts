import { createHash, createHmac, createSign, type KeyObject } from 'node:crypto';
import type { ProofAlgorithm } from './fields.js';
import { dragonpayWire, signedTextFor, type TextEncoding } from './signed-text.js';

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
}

/**
 * Signs a callback as Dragonpay does. Returns the fields and their proofs. The only code that it shares with the
 * verification is the description of the signed text.
 *
 * @example
 * const fields = { txnid: 'T-1', refno: 'ABCD1234', status: 'S', message: '[000] OK', amount: '100.00' };
 * const body = encodeCallback(signCallback(fields, { sha1: { secretKey } }));
 */
export function signCallback(
  fields: CallbackFields,
  keys: SigningKeys,
  { merchantId = '', encoding = 'utf8' }: SignOptions = {},
): Record<string, string> {
  const isPayout = isPayoutCallback(fields);
  const textOf = (algorithm: ProofAlgorithm) => signedTextOf(fields, algorithm, merchantId);
  const proofs: Record<string, string> = {};
  if (keys.sha1 !== undefined) {
    const text = `${textOf('sha1')}:${keys.sha1.secretKey}`;
    const bytes = encoding === 'ascii' ? Buffer.from(text.replace(/[^\0-\x7f]/g, '?')) : Buffer.from(text);
    proofs.digest = createHash('sha1').update(bytes).digest('hex');
  }
  if (keys.hmac !== undefined && !isPayout) {
    const key = Buffer.from(keys.hmac.key, keys.hmac.encoding ?? 'utf8');
    proofs.signature = createHmac('sha256', key).update(textOf('hmac')).digest('hex').toUpperCase();
  }
  if (keys.rsa !== undefined && !isPayout) {
    proofs.signatures = createSign('RSA-SHA256').update(textOf('rsa')).sign(keys.rsa.privateKey, 'base64');
  }
  return { ...fields, ...proofs };
}

/** The text that a proof of these fields covers. A SHA-1 digest is over this text, `:` and the secret key. */
export function signedTextOf(fields: CallbackFields, algorithm: ProofAlgorithm, merchantId = ''): string {
  const byName = new Map(Object.entries(fields).map(([name, value]) => [name.toLowerCase(), value]));
  const { fields: order } = signedTextFor(dragonpayWire, isPayoutCallback(fields) ? 'payout' : 'payment', algorithm);
  return order
    .map((field) => {
      const value = byName.get(field.toLowerCase()) || (field === 'merchantid' ? merchantId : '');
      return field === 'amount' && value !== '' ? twoDecimals(value) : value;
    })
    .join(':');
}

function isPayoutCallback(fields: CallbackFields): boolean {
  return Object.keys(fields).some((name) => name.toLowerCase() === 'merchanttxnid');
}

function twoDecimals(amount: string): string {
  const [, units = amount, decimals = ''] = /^(\d+)(?:\.(\d{0,2}))?$/.exec(amount) ?? [];
  return /^\d+$/.test(units) ? `${units}.${decimals.padEnd(2, '0')}` : amount;
}

/**
 * Encodes fields as application/x-www-form-urlencoded with the escapes that Dragonpay uses: lower-case hex, and `+`
 * for a space. The body of a POST, or the query of a GET.
 */
export function encodeCallback(fields: CallbackFields): string {
  return Object.entries(fields)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .join('&');
}

function encode(text: string): string {
  // A lone surrogate has no UTF-8. It is sent as it is signed: as U+FFFD.
  return encodeURIComponent(text.toWellFormed())
    .replaceAll('%20', '+')
    .replace(/['~]/g, (character) => `%${character.charCodeAt(0).toString(16)}`)
    .replace(/%[0-9A-F]{2}/g, (escaped) => escaped.toLowerCase());
}
