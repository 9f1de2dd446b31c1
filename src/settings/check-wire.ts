import { type AnySchema, mixed } from 'yup';
import { type SignedField, signableFields } from '../protocol/fields.js';
import { type CallbackKind, idFields } from '../protocol/kinds.js';
import { isFreeText, type SignedText } from '../protocol/signed-text.js';
import { listOf, oneOf, section } from './setting-rules.js';
import type { WireSettings } from './settings.js';

type PaymentWire = NonNullable<WireSettings['payment']>;
type PayoutWire = NonNullable<WireSettings['payout']>;

/** The schema of `wire`. */
export const wireSchema = section<WireSettings>({
  payment: section<PaymentWire>({
    rsa: signedText('payment'),
    hmac: signedText('payment'),
    sha1: signedText('payment'),
  }),
  payout: section<PayoutWire>({ sha1: signedText('payout') }),
});

function signedText(kind: CallbackKind): AnySchema {
  return section<SignedText>({
    fields: listOf(mixed().nullable()).test('signed-fields', function (fields: unknown) {
      const problem = Array.isArray(fields) ? problemOf(fields, kind) : undefined;
      return problem === undefined || this.createError({ message: problem });
    }),
    encodings: listOf(oneOf('utf8', 'ascii')),
  });
}

/**
 * A proof must cover the id, the refno and the status. A field that decides must not stand between two free texts:
 * these may hold `:`, so the text could be cut elsewhere and the proof would hold for another payment.
 */
function problemOf(fields: readonly SignedField[], kind: CallbackKind): string | undefined {
  const names = signableFields(kind);
  if (fields.some((field) => !names.includes(field)))
    return `must hold only fields that can be signed: ${names.join(', ')}`;
  if (new Set(fields).size < fields.length) return 'must not hold a field twice';
  const unsigned = [idFields[kind], 'refno', 'status'].find((field) => !fields.includes(field as SignedField));
  if (unsigned !== undefined) return `must include ${unsigned}`;
  const firstFree = fields.findIndex(isFreeText);
  const lastFree = fields.findLastIndex(isFreeText);
  if (fields.slice(firstFree + 1, lastFree).some((field) => !isFreeText(field) && field !== 'merchantid')) {
    return 'must not have a field between two free texts (message, param1, param2), because the text could be cut elsewhere';
  }
  return undefined;
}
