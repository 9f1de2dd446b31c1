import type { CheckedCallback } from './fields.js';

/** A field that a proof may cover, by its name on the wire. */
export type SignedField =
  | 'txnid'
  | 'merchantTxnId'
  | 'refno'
  | 'status'
  | 'message'
  | 'merchantid'
  | 'param1'
  | 'param2'
  | 'amount';

/** The three proofs: RSA-SHA256 (`signatures`), HMAC-SHA256 (`signature`) and SHA-1 (`digest`). */
export type ProofAlgorithm = 'rsa' | 'hmac' | 'sha1';

/** How a signed text becomes bytes. `ascii` writes `?` for whatever is not ASCII, as Dragonpay's sample code does. */
export type TextEncoding = 'utf8' | 'ascii';

/** Which fields a proof covers, in which order, joined with `:`; a missing field is the empty string. */
export interface SignedText {
  readonly fields: readonly SignedField[];
  /** Each is tried. */
  readonly encodings: readonly TextEncoding[];
}

/** What is known, with more or less certainty, of how Dragonpay signs. Settings may replace a part of it. */
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

/** One `?` for each UTF-16 unit that is not ASCII, which is what .NET's ASCII encoding writes. */
export function toAscii(text: string): string {
  return text.replace(/[^\u0000-\u007f]/g, '?');
}

/** The fields of a signed text that may hold `:`. The shapes of the others forbid it. */
const freeTextFields: ReadonlySet<SignedField> = new Set(['message', 'param1', 'param2']);

/** Whether a field may hold `:`. */
export function isFreeText(field: SignedField): boolean {
  return freeTextFields.has(field);
}

/** What a proof vouches for. */
export interface Coverage {
  /** The fields that are exactly what was signed. */
  readonly covered: ReadonlySet<SignedField>;
  /** As much of `message` as is certain: all of it, save where the text can be cut in more than one way. */
  readonly message: string;
}

/**
 * Decides what a proof vouches for. A joined text is ambiguous when more than one field may hold `:`, and one of them
 * does: the same proof then also holds for the values cut elsewhere. Only what is the same in every cut is covered.
 *
 * In Dragonpay's RSA text the merchant id stands between `message` and the parameters. Where neither parameter holds
 * a `:` and no part of `message` equals the merchant id, there is one cut only. Otherwise `message` is certain up to
 * the first part that equals the merchant id, since every cut has at least that.
 */
export function coverageOf(fields: readonly SignedField[], callback: CheckedCallback, merchantId: string): Coverage {
  const { all, freeText } = groupsOf(fields);
  if (freeText.length < 2 || !freeText.some((field) => callback[field]?.includes(':'))) {
    return { covered: all, message: callback.message };
  }
  const parts = callback.message.split(':');
  const firstCut = hasMerchantIdAfterMessage(fields) ? parts.indexOf(merchantId) : 0;
  if (firstCut < 0 && !callback.param1?.includes(':') && !callback.param2?.includes(':')) {
    return { covered: all, message: callback.message };
  }
  const covered = new Set(fields.filter((field) => !isFreeText(field)));
  return { covered, message: firstCut < 0 ? callback.message : parts.slice(0, firstCut).join(':') };
}

interface FieldGroups {
  readonly all: ReadonlySet<SignedField>;
  readonly freeText: readonly SignedField[];
}

/** Worked out once for each signed text of the settings, not for each callback. */
const groups = new WeakMap<readonly SignedField[], FieldGroups>();

function groupsOf(fields: readonly SignedField[]): FieldGroups {
  let known = groups.get(fields);
  if (known === undefined) {
    known = { all: new Set(fields), freeText: fields.filter(isFreeText) };
    groups.set(fields, known);
  }
  return known;
}

function hasMerchantIdAfterMessage(fields: readonly SignedField[]): boolean {
  const message = fields.indexOf('message');
  return fields[message + 1] === 'merchantid' && fields.slice(0, message).every((field) => !isFreeText(field));
}
