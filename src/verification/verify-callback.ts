import type { Issue } from '../model/issue.js';
import { toVerified, type VerifiedCallback } from '../model/verified-callback.js';
import type { CheckedCallback } from '../protocol/fields.js';
import type { CallbackKind } from '../protocol/kinds.js';
import { joinSignedFields } from '../protocol/signed-text.js';
import type { ReceivedFields } from '../reading/read-fields.js';
import type { ProofChecked, ProofVerifier } from './proof-verifier.js';

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
