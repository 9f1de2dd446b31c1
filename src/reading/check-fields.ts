import type { ReplyCode } from '../errors.js';
import type { Issue } from '../model/issue.js';
import {
  type CheckedCallback,
  haveShapes,
  type KnownFieldName,
  type KnownFields,
  mayBeOdd,
  toChecked,
} from '../protocol/fields.js';
import type { CallbackKind } from '../protocol/kinds.js';
import { loadYup } from '../protocol/load-yup.js';
import type { ReceivedFields } from './field-collector.js';
import { fieldSchema } from './field-schema.js';

/** The result of {@link checkFields}. */
export type FieldsChecked =
  | { readonly ok: true; readonly callback: CheckedCallback }
  | { readonly ok: false; readonly reason: 'invalid'; readonly issues: readonly Issue[] };

/**
 * Tells a payment from a payout by its fields and checks the fields' shapes. An optional field that cannot be read does
 * not invalidate the callback here: the verification refuses it only if a proof covers the field. Never throws.
 * @param accepted the kinds that this endpoint takes.
 */
export function checkFields(fields: ReceivedFields, accepted: ReadonlySet<CallbackKind>): FieldsChecked {
  if (fields.issues.length > 0) return { ok: false, reason: 'invalid', issues: fields.issues };
  const { known, odd, received } = fields;
  const isPayout = known.merchanttxnid !== undefined;
  if (isPayout && known.txnid !== undefined) {
    return refused('ambiguous-kind', 'merchanttxnid', 'txnid and merchantTxnId are both present');
  }
  const kind = isPayout ? 'payout' : 'payment';
  if (!accepted.has(kind)) {
    return refused('kind-not-accepted', isPayout ? 'merchanttxnid' : 'txnid', `this endpoint does not accept ${kind}s`);
  }
  if (haveShapes(kind, known)) return { ok: true, callback: toChecked(kind, known, odd, received) };
  const issues = shapeIssues(kind, known);
  if (issues.length === 0) return { ok: true, callback: toChecked(kind, known, odd, received) };
  const fatal = issues.filter(({ field }) => !mayBeOdd(field));
  if (fatal.length > 0) return { ok: false, reason: 'invalid', issues };
  // The callback is refused only if a proof covers one of these fields: the verification decides.
  const unreadable = issues.map(({ field, message }) => [field, { code: 'malformed-field', message }] as const);
  const readable: KnownFields = { ...known };
  for (const { field } of issues) readable[field as KnownFieldName] = undefined;
  return { ok: true, callback: toChecked(kind, readable, new Map([...(odd ?? []), ...unreadable]), received) };
}

function refused(code: ReplyCode, field: string, message: string): FieldsChecked {
  return { ok: false, reason: 'invalid', issues: [{ code, field, message }] };
}

function shapeIssues(kind: CallbackKind, known: Readonly<KnownFields>): Array<Issue & { readonly field: string }> {
  try {
    fieldSchema(kind).validateSync(known, { abortEarly: false, disableStackTrace: true });
    return [];
  } catch (error) {
    if (!loadYup().ValidationError.isError(error)) throw error;
    return error.inner.map(({ path, message: code }) => {
      // yup gives every problem the path of its field.
      const field = path as string;
      return { code: code as ReplyCode, field, message: describe(field, code) };
    });
  }
}

function describe(field: string, code: string): string {
  return code === 'missing-field' ? `${field} is missing or empty` : `${field} is malformed`;
}
