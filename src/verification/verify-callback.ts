import type { PaymentData, PayoutData, UnsignedData } from '../callback.js';
import type { CheckedCallback } from '../preprocessing/check-fields.js';
import type { Issue, ReceivedFields } from '../preprocessing/read-fields.js';
import type { CallbackKind } from '../preprocessing/transaction-status.js';
import type { ProofVerifier } from './proof-verifier.js';
import { coverageOf, joinSignedFields, type SignedField } from './signed-text.js';
import type { Proof, VerifiedCallback } from './verified-callback.js';

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
 * present must hold, and at least one must be present. Never rejects.
 */
export async function verifyCallback(
  callback: CheckedCallback,
  received: Pick<ReceivedFields, 'raw'> & { readonly method: 'GET' | 'POST' },
  policy: VerificationPolicy,
): Promise<Verdict> {
  const { merchantId } = policy;
  if (callback.merchantid !== undefined && callback.merchantid !== merchantId) {
    return refused('merchant-mismatch', 'merchantid', 'merchantid is not the configured merchant id');
  }
  let strongest: { proof: Proof; verifier: ProofVerifier } | undefined;
  let unavailable = false;
  for (const verifier of policy.accepted[callback.kind]) {
    const given = callback[verifier.field];
    if (given === undefined) continue;
    const text = joinSignedFields(verifier.signedText.fields, callback, merchantId);
    const checking = verifier.verify(text, given);
    const checked = checking instanceof Promise ? await checking : checking;
    if (checked === 'mismatch') return refused('proof-mismatch', verifier.field, `${verifier.field} does not hold`);
    if (checked === 'unavailable') unavailable = true;
    else strongest ??= { verifier, proof: { algorithm: verifier.algorithm, keyId: checked.keyId } };
  }
  if (unavailable) return { ok: false, unavailable: true };
  if (strongest === undefined) {
    const fields = policy.accepted[callback.kind].map(({ field }) => field);
    return refused('proof-missing', fields[0], `no proof of an accepted kind is present (${fields.join(', ')})`);
  }
  const { proof, verifier } = strongest;
  const { method, raw } = received;
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
  return {
    kind: callback.kind,
    id: (callback.kind === 'payment' ? callback.txnid : callback.merchantTxnId) ?? '',
    refno: callback.refno,
    status: callback.status,
    data,
    unsigned,
    amount: callback.amount,
    currency: callback.ccy?.toUpperCase(),
    ...by,
  } as VerifiedCallback;
}

const everyField: ReadonlySet<SignedField> = new Set(['message', 'merchantid', 'param1', 'param2', 'amount']);

function splitByCoverage(callback: CheckedCallback, fields: readonly SignedField[] | 'all', merchantId: string) {
  const { covered, message } =
    fields === 'all' ? { covered: everyField, message: callback.message } : coverageOf(fields, callback, merchantId);
  const { kind, txnid = '', merchantTxnId = '', refno, status } = callback;
  const data: Record<string, string> =
    kind === 'payment' ? { txnid, refno, status, message } : { merchantTxnId, refno, status, message };
  const unsigned: Record<string, string> = message === callback.message ? {} : { message: callback.message };
  for (const field of ['merchantid', 'param1', 'param2', 'amount'] as const) {
    const value = callback[field] ?? (field === 'merchantid' && covered.has(field) ? merchantId : undefined);
    if (value !== undefined) (covered.has(field) ? data : unsigned)[field] = value;
  }
  for (const field of ['ccy', 'procid', 'settledate'] as const) {
    const value = callback[field];
    if (value !== undefined) unsigned[field] = value;
  }
  return { data: data as unknown as PaymentData | PayoutData, unsigned: unsigned as UnsignedData };
}
