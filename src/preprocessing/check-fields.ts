import { ValidationError } from 'yup';
import type { FailureCode } from '../errors.js';
import { withTwoDecimals } from './field-shapes.js';
import { paymentFields } from './payment-fields.js';
import { payoutFields } from './payout-fields.js';
import { havePlainShapes } from './plain-fields.js';
import type { Issue, KnownFields, ReceivedFields } from './read-fields.js';
import type { CallbackKind } from './transaction-status.js';

/** Fields whose shapes hold. Empty optional fields are absent, `amount` has two decimals. Nothing is proven yet. */
export interface CheckedCallback {
  readonly kind: CallbackKind;
  readonly txnid?: string;
  readonly merchantTxnId?: string;
  readonly refno: string;
  readonly status: string;
  readonly message: string;
  readonly merchantid?: string;
  readonly param1?: string;
  readonly param2?: string;
  readonly amount?: string;
  readonly ccy?: string;
  readonly procid?: string;
  readonly settledate?: string;
  /** SHA-1 proof. */
  readonly digest?: string;
  /** HMAC-SHA256 proof. */
  readonly signature?: string;
  /** RSA-SHA256 proof. */
  readonly signatures?: string;
}

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

function refused(code: FailureCode, field: string, message: string): FieldsChecked {
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
        byField.set(path, { code: message as FailureCode, field: path, message: describe(path, message) });
    }
    return [...byField.values()];
  }
}

function describe(field: string, code: string): string {
  return code === 'missing-field' ? `${field} is missing or empty` : `${field} does not have its shape`;
}

const optionalFields = [
  'merchantid',
  'param1',
  'param2',
  'ccy',
  'procid',
  'settledate',
  'digest',
  'signature',
  'signatures',
] as const;

function toChecked(kind: CallbackKind, known: Readonly<KnownFields>): CheckedCallback {
  const { refno = '', status = '', message = '', amount } = known;
  const checked: { -readonly [field in keyof CheckedCallback]: CheckedCallback[field] } =
    kind === 'payment'
      ? { kind, txnid: known.txnid ?? '', refno, status, message }
      : { kind, merchantTxnId: known.merchanttxnid ?? '', refno, status, message };
  if (amount) checked.amount = withTwoDecimals(amount);
  for (const field of optionalFields) {
    const value = known[field];
    if (value) checked[field] = value;
  }
  return checked;
}
