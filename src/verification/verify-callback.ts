import type { PaymentData, PayoutData, UnsignedData } from '../callback.js';
import type { CheckedCallback } from '../preprocessing/check-fields.js';
import type { Issue, ReceivedFields } from '../preprocessing/read-fields.js';
import type { CallbackKind } from '../preprocessing/transaction-status.js';
import type { ProofChecked, ProofVerifier } from './proof-verifier.js';
import { coverageOf, joinSignedFields, type SignedField } from './signed-text.js';
import type { VerifiedCallback } from './verified-callback.js';

/** What a merchant accepts as a proof. */
export interface VerificationPolicy {
  readonly merchantId: string;
  /** The accepted proofs of each kind of callback, the strongest first. */
  readonly accepted: Readonly<Record<CallbackKind, readonly ProofVerifier[]>>;
}

/** The result of {@link verifyCallback}. `unavailable`: no verdict is possible now, since there are no public keys. */
export type Verdict =
  | { readonly ok: true; readonly callback: VerifiedCallback }
  | { readonly ok: false; readonly issues: readonly Issue[] }
  | { readonly ok: false; readonly unavailable: true };

/**
 * Verifies a callback by the merchant's policy: what is configured is what is accepted; every accepted proof that is
 * present must hold, and at least one must be present. Never throws, never rejects. There is a promise only where a
 * proof has to wait for a key.
 */
export function verifyCallback(
  callback: CheckedCallback,
  received: Pick<ReceivedFields, 'raw'> & { readonly method: 'GET' | 'POST' },
  policy: VerificationPolicy,
): Verdict | Promise<Verdict> {
  const { merchantId } = policy;
  if (callback.merchantid !== undefined && callback.merchantid !== merchantId) {
    return refused('merchant-mismatch', 'merchantid', 'merchantid is not the configured merchant id');
  }
  const present: ProofVerifier[] = [];
  const checking: Array<ProofChecked | Promise<ProofChecked>> = [];
  let isWaiting = false;
  for (const verifier of policy.accepted[callback.kind]) {
    const given = callback[verifier.field];
    if (given === undefined) continue;
    const check = verifier.verify(joinSignedFields(verifier.signedText.fields, callback, merchantId), given);
    if (check instanceof Promise) isWaiting = true;
    present.push(verifier);
    checking.push(check);
  }
  return isWaiting
    ? Promise.all(checking).then((checked) => judge(callback, received, policy, present, checked))
    : judge(callback, received, policy, present, checking as ProofChecked[]);
}

function judge(
  callback: CheckedCallback,
  { method, raw }: Pick<ReceivedFields, 'raw'> & { readonly method: 'GET' | 'POST' },
  { merchantId, accepted }: VerificationPolicy,
  present: readonly ProofVerifier[],
  checked: readonly ProofChecked[],
): Verdict {
  const failed = present[checked.indexOf('mismatch')];
  if (failed !== undefined) return refused('proof-mismatch', failed.field, `${failed.field} does not hold`);
  if (checked.includes('unavailable')) return { ok: false, unavailable: true };
  const [verifier] = present;
  const [strongest] = checked;
  if (verifier === undefined || typeof strongest !== 'object') {
    const fields = accepted[callback.kind].map(({ field }) => field);
    return refused('proof-missing', fields[0], `no proof of an accepted kind is present (${fields.join(', ')})`);
  }
  const proof = { algorithm: verifier.algorithm, keyId: strongest.keyId };
  const by = { origin: 'callback', method, raw, proof } as const;
  return { ok: true, callback: toVerified(callback, by, verifier.signedText.fields, merchantId) };
}

function refused(code: Issue['code'], field: string | undefined, message: string): Verdict {
  return { ok: false, issues: [field === undefined ? { code, message } : { code, field, message }] };
}

/**
 * The only place that makes a {@link VerifiedCallback}. Beside a proof that held, three others may ask for one: the
 * answer of the gateway (from-inquiry.ts), an event that was verified when the inbox took it (from-inbox.ts), and the
 * merchant who corrects a row (from-correction.ts).
 */
export function toVerified(
  callback: CheckedCallback,
  by: Pick<VerifiedCallback, 'origin' | 'method' | 'inquiry' | 'occasion' | 'raw' | 'proof'>,
  covered: readonly SignedField[] | 'all',
  merchantId: string,
): VerifiedCallback {
  const { data, unsigned } = splitByCoverage(callback, covered, merchantId);
  const { origin, method, raw, proof, inquiry, occasion } = by;
  const verified = {
    kind: callback.kind,
    id: (callback.kind === 'payment' ? callback.txnid : callback.merchantTxnId) ?? '',
    refno: callback.refno,
    status: callback.status,
    data,
    unsigned,
    amount: callback.amount,
    currency: callback.ccy?.toUpperCase(),
    origin,
    method,
    raw,
    proof,
  } as VerifiedCallback;
  return inquiry === undefined && occasion === undefined
    ? verified
    : { ...verified, ...(inquiry && { inquiry }), ...(occasion !== undefined && { occasion }) };
}

const everyField: ReadonlySet<SignedField> = new Set(['message', 'merchantid', 'param1', 'param2', 'amount']);

function splitByCoverage(callback: CheckedCallback, fields: readonly SignedField[] | 'all', merchantId: string) {
  const { covered, message } =
    fields === 'all' ? { covered: everyField, message: callback.message } : coverageOf(fields, callback, merchantId);
  const { kind, txnid = '', merchantTxnId = '', refno, status } = callback;
  const data: Record<string, string> =
    kind === 'payment' ? { txnid, refno, status, message } : { merchantTxnId, refno, status, message };
  const unsigned: Record<string, string> = message === callback.message ? {} : { message: callback.message };
  // Field by field, since a loop over names costs three times that.
  const { param1, param2, amount, ccy, procid, settledate } = callback;
  const isMerchantIdCovered = covered.has('merchantid');
  const merchantid = callback.merchantid ?? (isMerchantIdCovered ? merchantId : undefined);
  if (merchantid !== undefined) (isMerchantIdCovered ? data : unsigned).merchantid = merchantid;
  if (param1 !== undefined) (covered.has('param1') ? data : unsigned).param1 = param1;
  if (param2 !== undefined) (covered.has('param2') ? data : unsigned).param2 = param2;
  if (amount !== undefined) (covered.has('amount') ? data : unsigned).amount = amount;
  if (ccy !== undefined) unsigned.ccy = ccy;
  if (procid !== undefined) unsigned.procid = procid;
  if (settledate !== undefined) unsigned.settledate = settledate;
  return { data: data as unknown as PaymentData | PayoutData, unsigned: unsigned as UnsignedData };
}
