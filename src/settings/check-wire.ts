import { fieldTable, type SignedField, signableFields } from '../protocol/fields.js';
import { type CallbackKind, idFields } from '../protocol/kinds.js';
import { isFreeText, type SignedText } from '../protocol/signed-text.js';
import { listOf, oneOf, required, rule, type SettingRule, section, withRule } from './setting-rules.js';
import type { WireSettings } from './settings.js';

type PaymentWire = NonNullable<WireSettings['payment']>;
type PayoutWire = NonNullable<WireSettings['payout']>;

/** The rules of `wire`. */
export const wireRules = section<WireSettings>({
  payment: section<PaymentWire>({
    rsa: signedText('payment'),
    hmac: signedText('payment'),
    sha1: signedText('payment'),
  }),
  payout: section<PayoutWire>({ sha1: signedText('payout') }),
});

function signedText(kind: CallbackKind): SettingRule {
  const reading = readingRules(kind);
  return wholeReading(section<SignedText>({ ...reading, also: listOf(wholeReading(section(reading))) }));
}

function wholeReading(reading: SettingRule): SettingRule {
  return withRule(reading, (text) => asProblem(problemOfReading((text ?? {}) as Partial<SignedText>)));
}

function asProblem(problem: string | undefined) {
  return problem === undefined ? [] : [{ problem }];
}

function readingRules(kind: CallbackKind) {
  return {
    fields: withRule(listOf(required('', () => true)), (fields) =>
      Array.isArray(fields) ? asProblem(problemOf(fields, kind)) : [],
    ),
    encodings: listOf(oneOf('utf8', 'ascii', 'latin1', 'windows-1252', 'utf16le', 'utf16be')),
    separator: rule(
      'must be 1 to 3 ASCII characters that are not letters, digits, ".", "?" or "-": the text could be cut into another payment',
      (value) => typeof value === 'string' && /^[\t\n\r -,/:->@[-`{-~]{1,3}$/.test(value),
    ),
    pairs: rule('must be true, false or "as-sent"', (value) => typeof value === 'boolean' || value === 'as-sent'),
    empty: oneOf('kept', 'left-out'),
    amount: oneOf('two-decimals', 'as-sent', 'grouped', 'shortest', 'centavos', 'four-decimals'),
    values: oneOf('decoded', 'trimmed', 'encoded', 'decoded-twice'),
    hash: oneOf('sha1', 'sha224', 'sha256', 'sha384', 'sha512'),
    padding: oneOf('pkcs1', 'pss'),
    key: oneOf('behind', 'in-front'),
    keySeparator: rule(
      'must be at most 20 printable ASCII characters',
      (value) => typeof value === 'string' && /^[\t\n\r -~]{0,20}$/.test(value),
    ),
    keyEncoding: oneOf('utf8', 'hex', 'base64'),
  };
}

/**
 * If empty fields are left out, and fields have no names, then the id, the refno and the status must stand first: they
 * are never empty.
 */
function problemOfReading({ empty, pairs, fields = [] }: Partial<SignedText>): string | undefined {
  if (empty !== 'left-out' || pairs || !Array.isArray(fields)) return undefined;
  const deciding: readonly string[] = ['refno', 'status', ...Object.values(idFields)];
  return fields.slice(0, 3).every((field) => deciding.includes(field))
    ? undefined
    : 'must have the id, refno and status first if empty fields are left out, or the text could be cut into another payment';
}

/**
 * A proof must cover the id, the refno and the status. None of them may stand between two free texts: these may hold
 * `:`, so the text could be cut elsewhere, and the proof would hold for another payment.
 */
export function problemOf(fields: SignedText['fields'], kind: CallbackKind): string | undefined {
  const names = signableFields(kind);
  if (fields.some((field) => !names.includes(field as SignedField) && !isNameOfOther(field))) {
    return `must hold only fields that can be signed: ${names.join(', ')}, or "other:" and the name of another one`;
  }
  if (new Set(fields.map((field) => String(field).toLowerCase())).size < fields.length)
    return 'must not hold a field twice';
  const unsigned = [idFields[kind], 'refno', 'status'].find((field) => !fields.includes(field as SignedField));
  if (unsigned !== undefined) return `must include ${unsigned}`;
  const firstFree = fields.findIndex(isFreeText);
  const lastFree = fields.findLastIndex(isFreeText);
  if (
    firstFree >= 0 &&
    fields.slice(firstFree + 1, lastFree).some((field) => !isFreeText(field) && field !== 'merchantid')
  ) {
    return 'must not have a field between two free texts (message, param1, param2), because the text could be cut elsewhere';
  }
  return undefined;
}

/** `other:` and the name of a field that is not of the protocol. */
export function isNameOfOther(field: unknown): boolean {
  return (
    typeof field === 'string' && /^other:[a-z][\w.-]{0,39}$/i.test(field) && !isKnownName(field.slice('other:'.length))
  );
}

function isKnownName(name: string): boolean {
  return Object.hasOwn(fieldTable, name.toLowerCase());
}
