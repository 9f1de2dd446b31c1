import {
  type CheckedCallback,
  fieldValue,
  freeTextFields,
  hintFields,
  isOther,
  nameAsSent,
  nameOnWire,
  type OtherField,
  type ProofAlgorithm,
  type SignedField,
  type UnsignedField,
  unsignedFields,
} from './fields.js';
import type { CallbackKind } from './kinds.js';
import { checkNames } from './nearest-name.js';
import { writeAmount } from './read-amount.js';

/** The encoding of a signed text. Characters that an encoding does not have are written as `?`. */
export type TextEncoding = 'utf8' | 'ascii' | 'latin1' | 'windows-1252' | 'utf16le' | 'utf16be';

/** The format of the amount in a signed text: `1500.00`, as sent, `1,500.00`, `1500`, `150000` or `1500.0000`. */
export type AmountFormat = 'two-decimals' | 'as-sent' | 'grouped' | 'shortest' | 'centavos' | 'four-decimals';

/** How a text is made of the fields that a proof covers. Missing parts keep Dragonpay's default. */
export interface SignedText {
  /**
   * The signed fields, in their order. A missing field is the empty string. `other:expiry` is a field
   * `expiry` that is not of the protocol.
   */
  readonly fields: readonly (SignedField | OtherField)[];
  /** The encodings of the text. The verification tries each of them. */
  readonly encodings: readonly TextEncoding[];
  /** What stands between the fields: one to three characters. Default: `:`. */
  readonly separator?: string;
  /**
   * `true`: each field is written as `name=value`, with the documented name. `as-sent`: the name has the letter case of
   * the callback. Default: `false`.
   */
  readonly pairs?: boolean | 'as-sent';
  /** `left-out`: a field that is empty leaves no separator. Default: `kept`. */
  readonly empty?: 'kept' | 'left-out';
  /** Default: `two-decimals`. */
  readonly amount?: AmountFormat;
  /** The form of the values: `encoded` as on the wire, or decoded once more than on the wire. Default: `decoded`. */
  readonly values?: 'decoded' | 'trimmed' | 'encoded' | 'decoded-twice';
  /** Default: `sha256` for RSA and HMAC, `sha1` for the digest. */
  readonly hash?: 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';
  /** The padding of RSA. Default: `pkcs1`. */
  readonly padding?: 'pkcs1' | 'pss';
  /** Where the secret key of a digest stands. Default: `behind`. */
  readonly key?: 'behind' | 'in-front';
  /** What stands between the text and the secret key of a digest. May be empty. Default: the separator. */
  readonly keySeparator?: string;
  /** How a secret key becomes bytes. Default: `utf8`, or `verification.hmac.encoding`. */
  readonly keyEncoding?: 'utf8' | 'hex' | 'base64';
  /** Other readings, which are tried after this one while the gateway changes from one to another. */
  readonly also?: readonly Partial<Omit<SignedText, 'also'>>[];
}

/** A signed text and the readings in `also`. The parts that these leave out are taken from the first one. */
export function readingsOf(text: SignedText): readonly SignedText[] {
  if (text.also === undefined) return [text];
  let known = readings.get(text);
  if (known === undefined) {
    const { also, ...first } = text;
    known = [first, ...also.map((other) => ({ ...first, ...other }))];
    readings.set(text, known);
  }
  return known;
}

const readings = new WeakMap<SignedText, readonly SignedText[]>();

/** How Dragonpay signs. Settings may replace a part of it, because not all of it is certain. */
export interface WireFormat {
  readonly payment: Readonly<Record<ProofAlgorithm, SignedText>>;
  readonly payout: { readonly sha1: SignedText };
}

/** Replaces parts of a {@link WireFormat}. */
export interface WireParts {
  readonly payment?: { readonly [algorithm in ProofAlgorithm]?: Partial<SignedText> };
  readonly payout?: { readonly sha1?: Partial<SignedText> };
}

/**
 * How Dragonpay signs. The orders of RSA and HMAC come from one careful source each (medium confidence); the SHA-1
 * order of payments is documented. A SHA-1 text ends with the secret key. Dragonpay's sample code hashes ASCII bytes,
 * other merchants hash UTF-8.
 */
export const dragonpayWire: WireFormat = {
  payment: {
    rsa: {
      fields: ['txnid', 'refno', 'status', 'message', 'merchantid', 'param1', 'param2', 'amount'],
      encodings: ['utf8'],
    },
    hmac: { fields: ['txnid', 'refno', 'status', 'message', 'amount'], encodings: ['utf8'] },
    sha1: { fields: ['txnid', 'refno', 'status', 'message'], encodings: ['utf8', 'ascii'] },
  },
  payout: {
    sha1: { fields: ['merchantTxnId', 'refno', 'status', 'message'], encodings: ['utf8', 'ascii'] },
  },
};

/** How Dragonpay signs, with these parts replaced. */
export function withWireParts(parts: WireParts): WireFormat {
  checkNames(parts, { payment: true, payout: true }, 'wire');
  const { payment, payout } = parts;
  checkNames(payment ?? {}, { rsa: true, hmac: true, sha1: true }, 'wire.payment');
  checkNames(payout ?? {}, { sha1: true }, 'wire.payout');
  const { rsa, hmac, sha1 } = dragonpayWire.payment;
  return {
    payment: {
      rsa: { ...rsa, ...payment?.rsa },
      hmac: { ...hmac, ...payment?.hmac },
      sha1: { ...sha1, ...payment?.sha1 },
    },
    payout: { sha1: { ...dragonpayWire.payout.sha1, ...payout?.sha1 } },
  };
}

/** The signed text of one kind of proof. A payout has SHA-1 only. */
export function signedTextFor(wire: WireFormat, kind: CallbackKind, algorithm: ProofAlgorithm): SignedText {
  return kind === 'payment' ? wire.payment[algorithm] : wire.payout.sha1;
}

/** Joins the signed fields. `merchantid` is the configured one where the wire has none. */
function joinSignedFields(fields: readonly SignedField[], callback: CheckedCallback, merchantId: string): string {
  let text = '';
  for (const field of fields) text += `:${callback[field] ?? (field === 'merchantid' ? merchantId : '')}`;
  return text.slice(1);
}

/**
 * The text that a proof covers under a reading. `undefined` if the text would be ambiguous: a value contains the
 * separator, or other values would give the same text.
 * @param encoded the value of a field as on the wire, for readings of encoded values
 */
export function textOf(
  reading: SignedText,
  callback: CheckedCallback,
  merchantId: string,
  encoded: (field: SignedField | OtherField) => string | undefined,
): string | undefined {
  if (planOf(reading).isUsual) return joinSignedFields(reading.fields as readonly SignedField[], callback, merchantId);
  const { fields, separator = ':', pairs, empty, values = 'decoded' } = reading;
  const parts: string[] = [];
  for (const field of fields) {
    const came = fieldValue(callback, field);
    if (came === undefined) return undefined;
    const sent = came || (field === 'merchantid' ? merchantId : '');
    const value = field === 'amount' ? formatAmount(callback, reading) : transform(sent, values, () => encoded(field));
    const mustBeExact = !isFreeText(field) || empty === 'left-out' || values === 'encoded';
    if (mustBeExact && [...separator].some((character) => value.includes(character))) return undefined;
    if (!isFreeText(field) && field !== 'amount' && values !== 'encoded' && value !== sent) return undefined;
    if (value === '' && empty === 'left-out') continue;
    parts.push(pairs ? `${pairs === 'as-sent' ? nameAsSent(callback, field) : nameOnWire(field)}=${value}` : value);
  }
  return parts.join(separator);
}

/** Brings a value into the form in which it is signed. */
export function transform(
  sent: string,
  values: NonNullable<SignedText['values']>,
  encoded: () => string | undefined,
): string {
  switch (values) {
    case 'decoded':
      return sent;
    case 'trimmed':
      return sent.trim();
    case 'encoded':
      // An empty merchant id on the wire counts as a missing one.
      return encoded() || sent;
    case 'decoded-twice':
      return decodedAgain(sent);
  }
}

function decodedAgain(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

function formatAmount({ amount = '', amountAsSent }: CheckedCallback, { amount: format = 'two-decimals' }: SignedText) {
  return format === 'as-sent' ? (amountAsSent ?? amount) : writeAmount(amount, format);
}

/** The bytes of a signed text. */
export function encodeText(text: string, encoding: TextEncoding): Buffer {
  switch (encoding) {
    case 'utf8':
    case 'utf16le':
      return Buffer.from(text, encoding);
    case 'utf16be':
      return Buffer.from(text, 'utf16le').swap16();
    case 'ascii':
      return Buffer.from(toAscii(text), 'latin1');
    case 'latin1':
      return Buffer.from(text.replace(/[^\u0000-\u00ff]/g, '?'), 'latin1');
    case 'windows-1252':
      return Buffer.from(text.replace(/[^\u0000-\u007f\u00a0-\u00ff]/g, windowsCharacter), 'latin1');
  }
}

/**
 * The characters of the bytes 80 to 9F. Written out: the TextDecoder of some releases of Node takes windows-1252 for
 * Latin-1. Five bytes stand for the control code of the same number (WHATWG Encoding, index windows-1252).
 */
const windowsCharacters = new Map(
  [...'€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ'].map((character, index) => [
    character,
    String.fromCharCode(0x80 + index),
  ]),
);

function windowsCharacter(character: string): string {
  return windowsCharacters.get(character) ?? '?';
}

/** Writes one `?` for each UTF-16 unit that is not ASCII, as .NET's ASCII encoding does. */
function toAscii(text: string): string {
  return text.replace(/[^\u0000-\u007f]/g, '?');
}

/** Whether a field may hold `:`. */
export function isFreeText(field: string): boolean {
  return freeTextFields.has(field);
}

/** The part of a callback that a proof covers. The id, the refno and the status are always covered. */
export interface Coverage {
  /** The optional fields whose values are certain. */
  readonly covered: readonly OptionalField[];
  /** The optional fields that the proof does not cover. */
  readonly uncovered: readonly OptionalField[];
  /** The certain part of `message`: all of it, unless the text can be cut in more than one way. */
  readonly message: string;
}

/** A field that may be missing from a callback. A missing `message` is the empty string. */
export type OptionalField = Exclude<UnsignedField, 'message'>;

const optionalFields = unsignedFields.filter((field) => field !== 'message');

/**
 * Finds what a proof covers. A signed text is ambiguous if two or more of its fields may contain `:`, and one does: the
 * text can then be cut into other values, and the proof holds for these as well. A value is covered only if it is the
 * same in every cut.
 *
 * In Dragonpay's RSA text the merchant id stands between `message` and the parameters. If neither parameter contains a
 * `:` and no part of `message` equals the merchant id, only one cut is possible. Otherwise `message` is certain up to
 * the first part that equals the merchant id: every cut contains at least that.
 * @param reading the signed text, or `all` if the source of the callback confirms every field
 */
export function coverageOf(reading: SignedText | 'all', callback: CheckedCallback, merchantId: string): Coverage {
  if (reading === 'all') return { ...everything, message: callback.message };
  const { fields } = reading;
  const message = fields.includes('message') ? callback.message : '';
  const { covered, uncovered, freeText, isUsual } = planOf(reading);
  if (!isUsual) return coverageOfUnusual(reading, callback);
  if (freeText.length < 2 || !freeText.some((field) => callback[field]?.includes(':'))) {
    return { covered, uncovered, message };
  }
  const parts = message.split(':');
  const firstCut = hasMerchantIdAfterMessage(fields) ? parts.indexOf(merchantId) : 0;
  if (firstCut < 0 && !callback.param1?.includes(':') && !callback.param2?.includes(':')) {
    return { covered, uncovered, message };
  }
  const certain = splitOptional((field) => covered.includes(field) && !isFreeText(field));
  return { ...certain, message: firstCut < 0 ? message : parts.slice(0, firstCut).join(':') };
}

/** Free text is covered only if the text can be cut in one way and the values are signed exactly as sent. */
function coverageOfUnusual(reading: SignedText, callback: CheckedCallback): Coverage {
  const { fields, separator = ':', pairs, empty, values = 'decoded' } = reading;
  const { covered, freeText } = planOf(reading);
  const texts = freeText.map((field) => callback[field] ?? '');
  const isCut = texts.length > 1 && texts.some((text) => [...separator].some((one) => text.includes(one)));
  const isChanged = texts.some((text) => transform(text, values, () => undefined) !== text);
  // Without names, the text does not tell which of the optional fields was left out.
  const isShifted = empty === 'left-out' && !pairs && fields.some((field) => !fieldValue(callback, field));
  const isCertain = (field: OptionalField) =>
    covered.includes(field) && !isShifted && !((isCut || isChanged) && isFreeText(field));
  const hasMessage = fields.includes('message') && !isCut && !isChanged && !isShifted;
  return { ...splitOptional(isCertain), message: hasMessage ? callback.message : '' };
}

function splitOptional(isCovered: (field: OptionalField) => boolean): Pick<Coverage, 'covered' | 'uncovered'> {
  return { covered: optionalFields.filter(isCovered), uncovered: optionalFields.filter((field) => !isCovered(field)) };
}

/** The facts about a reading that do not depend on a callback. */
interface ReadingPlan extends Pick<Coverage, 'covered' | 'uncovered'> {
  readonly freeText: readonly SignedField[];
  /** The reading joins decoded values with `:` and has only Dragonpay's fields. Then a hint may contain `:`. */
  readonly isUsual: boolean;
}

/** The coverage of a callback without a proof: the gateway or the merchant confirmed every field except the hints. */
const everything = splitOptional((field) => !hintFields.includes(field));

/** Computed once for each reading of the settings, not for each callback. */
const plans = new WeakMap<SignedText, ReadingPlan>();

function planOf(reading: SignedText): ReadingPlan {
  let plan = plans.get(reading);
  if (plan === undefined) {
    const { fields, separator = ':', pairs, empty = 'kept', amount = 'two-decimals', values = 'decoded' } = reading;
    const names: readonly string[] = fields;
    const hasUsualForm =
      separator === ':' && !pairs && empty === 'kept' && amount === 'two-decimals' && values === 'decoded';
    plan = {
      ...splitOptional((field) => names.includes(field)),
      freeText: fields.filter(isFreeText) as SignedField[],
      isUsual: hasUsualForm && !names.some((name) => isOther(name) || hintFields.includes(name)),
    };
    plans.set(reading, plan);
  }
  return plan;
}

function hasMerchantIdAfterMessage(fields: SignedText['fields']): boolean {
  const message = fields.indexOf('message');
  return fields[message + 1] === 'merchantid' && fields.slice(0, message).every((field) => !isFreeText(field));
}
