import { ValidationError } from 'yup';
import type { ReplyCode } from '../errors.js';
import type { Issue } from '../model/issue.js';
import { withTwoDecimals } from '../protocol/field-shapes.js';
import type { CheckedCallback, KnownFields } from '../protocol/fields.js';
import type { CallbackKind } from '../protocol/kinds.js';
import { paymentFields } from '../protocol/payment-fields.js';
import { payoutFields } from '../protocol/payout-fields.js';
import { havePlainShapes } from '../protocol/plain-fields.js';
import type { ReceivedFields } from './read-fields.js';

/** The result of {@link checkFields}. */
export type FieldsChecked =
  | { readonly ok: true; readonly callback: CheckedCallback }
  | { readonly ok: false; readonly issues: readonly Issue[] };

/**
 * Tells a payment from a payout by its fields and checks the fields' shapes. Never throws.
 * @param accepted the kinds that this endpoint takes.
 */
export function checkFields(fields: ReceivedFields, accepted: ReadonlySet<CallbackKind>): FieldsChecked {
  if (fields.issues.length > 0) return { ok: false, issues: fields.issues };
  const { known } = fields;
  const isPayout = known.merchanttxnid !== undefined;
  if (isPayout && known.txnid !== undefined) {
    return refused('ambiguous-kind', 'merchanttxnid', 'txnid and merchantTxnId are both present');
  }
  const kind = isPayout ? 'payout' : 'payment';
  if (!accepted.has(kind)) {
    return refused('kind-not-accepted', isPayout ? 'merchanttxnid' : 'txnid', `this endpoint takes no ${kind}s`);
  }
  if (!havePlainShapes(kind, known)) {
    const issues = shapeIssues(kind, known);
    if (issues.length > 0) return { ok: false, issues };
  }
  return { ok: true, callback: toChecked(kind, known) };
}

function refused(code: ReplyCode, field: string, message: string): FieldsChecked {
  return { ok: false, issues: [{ code, field, message }] };
}

function shapeIssues(kind: CallbackKind, known: Readonly<KnownFields>): Issue[] {
  try {
    (kind === 'payment' ? paymentFields : payoutFields).validateSync(known, {
      abortEarly: false,
      disableStackTrace: true,
    });
    return [];
  } catch (error) {
    if (!ValidationError.isError(error)) throw error;
    const byField = new Map<string, Issue>();
    for (const { path = '', message } of error.inner) {
      // An empty required field breaks the rules of its shape as well: one issue a field, the first.
      if (!byField.has(path))
        byField.set(path, { code: message as ReplyCode, field: path, message: describe(path, message) });
    }
    return [...byField.values()];
  }
}

function describe(field: string, code: string): string {
  return code === 'missing-field' ? `${field} is missing or empty` : `${field} does not have its shape`;
}

/** Field by field, since a loop over names costs four times that. */
function toChecked(kind: CallbackKind, known: Readonly<KnownFields>): CheckedCallback {
  const { txnid = '', merchanttxnid = '', refno = '', status = '', message = '' } = known;
  const checked: { -readonly [field in keyof CheckedCallback]: CheckedCallback[field] } =
    kind === 'payment'
      ? { kind, txnid, refno, status, message }
      : { kind, merchantTxnId: merchanttxnid, refno, status, message };
  if (known.amount) checked.amount = withTwoDecimals(known.amount);
  if (known.merchantid) checked.merchantid = known.merchantid;
  if (known.param1) checked.param1 = known.param1;
  if (known.param2) checked.param2 = known.param2;
  if (known.ccy) checked.ccy = known.ccy;
  if (known.procid) checked.procid = known.procid;
  if (known.settledate) checked.settledate = known.settledate;
  if (known.digest) checked.digest = known.digest;
  if (known.signature) checked.signature = known.signature;
  if (known.signatures) checked.signatures = known.signatures;
  return checked;
}
