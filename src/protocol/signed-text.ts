import {
  type CheckedCallback,
  freeTextFields,
  type ProofAlgorithm,
  type SignedField,
  signableFields,
  type UnsignedField,
  unsignedFields,
} from './fields.js';
import type { CallbackKind } from './kinds.js';

/** The encoding of a signed text. `ascii` writes `?` for other characters, as Dragonpay's sample code does. */
export type TextEncoding = 'utf8' | 'ascii';

/** The fields that a proof covers, in their order, joined with `:`. A missing field is the empty string. */
export interface SignedText {
  readonly fields: readonly SignedField[];
  /** The verification tries each of them. */
  readonly encodings: readonly TextEncoding[];
}

/** How Dragonpay signs. Settings may replace a part of it, because not all of it is certain. */
export interface WireFormat {
  readonly payment: Readonly<Record<ProofAlgorithm, SignedText>>;
  readonly payout: { readonly sha1: SignedText };
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

/** The signed text of one kind of proof. A payout has SHA-1 only. */
export function signedTextFor(wire: WireFormat, kind: CallbackKind, algorithm: ProofAlgorithm): SignedText {
  return kind === 'payment' ? wire.payment[algorithm] : wire.payout.sha1;
}

/** Joins the signed fields. `merchantid` is the configured one where the wire has none. */
export function joinSignedFields(
  fields: readonly SignedField[],
  callback: CheckedCallback,
  merchantId: string,
): string {
  let text = '';
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index] as SignedField;
    if (index > 0) text += ':';
    text += callback[field] ?? (field === 'merchantid' ? merchantId : '');
  }
  return text;
}

/** The bytes of a signed text. */
export function encodeText(text: string, encoding: TextEncoding): Buffer {
  return encoding === 'utf8' ? Buffer.from(text, 'utf8') : Buffer.from(toAscii(text), 'latin1');
}

/** Writes one `?` for each UTF-16 unit that is not ASCII, as .NET's ASCII encoding does. */
export function toAscii(text: string): string {
  return text.replace(/[^\u0000-\u007f]/g, '?');
}

/** Whether a field may hold `:`. */
export function isFreeText(field: string): boolean {
  return freeTextFields.has(field);
}

/** The part of a callback that a proof covers. The id, the refno and the status always are. */
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
 * Finds what a proof covers. A joined text is ambiguous when more than one field may hold `:` and one of them does:
 * the same proof then also holds for the values cut elsewhere. Only values that are equal in every cut are covered.
 *
 * In Dragonpay's RSA text the merchant id stands between `message` and the parameters. Where neither parameter holds
 * a `:` and no part of `message` equals the merchant id, there is one cut only. Otherwise `message` is certain up to
 * the first part that equals the merchant id, since every cut has at least that.
 * @param fields the fields of the signed text, or `all` where the source of the callback vouches for every field
 */
export function coverageOf(
  fields: readonly SignedField[] | 'all',
  callback: CheckedCallback,
  merchantId: string,
): Coverage {
  const { message } = callback;
  const { covered, uncovered, freeText } = fields === 'all' ? everything : groupsOf(fields);
  if (fields === 'all' || freeText.length < 2 || !freeText.some((field) => callback[field]?.includes(':'))) {
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

function splitOptional(isCovered: (field: OptionalField) => boolean): Pick<Coverage, 'covered' | 'uncovered'> {
  return { covered: optionalFields.filter(isCovered), uncovered: optionalFields.filter((field) => !isCovered(field)) };
}

type FieldGroups = Pick<Coverage, 'covered' | 'uncovered'> & { readonly freeText: readonly SignedField[] };

const signable: readonly string[] = signableFields('payment');

/** The gateway and the merchant vouch for all that a proof may cover, and for no hints. */
const everything: FieldGroups = { ...splitOptional((field) => signable.includes(field)), freeText: [] };

/** Computed once for each signed text of the settings, not for each callback. */
const groups = new WeakMap<readonly SignedField[], FieldGroups>();

function groupsOf(fields: readonly SignedField[]): FieldGroups {
  let known = groups.get(fields);
  if (known === undefined) {
    const names: readonly string[] = fields;
    known = { ...splitOptional((field) => names.includes(field)), freeText: fields.filter(isFreeText) };
    groups.set(fields, known);
  }
  return known;
}

function hasMerchantIdAfterMessage(fields: readonly SignedField[]): boolean {
  const message = fields.indexOf('message');
  return fields[message + 1] === 'merchantid' && fields.slice(0, message).every((field) => !isFreeText(field));
}
