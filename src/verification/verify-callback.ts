import { unknownFingerprint } from '../model/fingerprint.js';
import type { Issue } from '../model/issue.js';
import { toVerified, type VerifiedCallback } from '../model/verified-callback.js';
import type { CheckedCallback } from '../protocol/fields.js';
import type { CallbackKind } from '../protocol/kinds.js';
import { readingsOf, type SignedText, textOf } from '../protocol/signed-text.js';
import { encodedValues } from '../reading/encoded-values.js';
import type { ReceivedFields } from '../reading/field-collector.js';
import type { KeysUnavailable, ProofChecked, ProofVerifier } from './proof-verifier.js';

/** The proofs that a merchant accepts. */
export interface VerificationPolicy {
  readonly merchantId: string;
  /** The accepted proofs of each kind of callback, the strongest first. */
  readonly accepted: Readonly<Record<CallbackKind, readonly ProofVerifier[]>>;
  /** Whether callbacks are stored. Only then is a fingerprint needed. It costs up to a tenth of an unstored callback. */
  readonly isStored: boolean;
}

/** The result of {@link verifyCallback}. `keys-unavailable`: no verdict is possible without public keys. */
export type Verdict =
  | { readonly ok: true; readonly callback: VerifiedCallback }
  | { readonly ok: false; readonly reason: 'invalid'; readonly issues: readonly Issue[] }
  | KeysUnavailable;

/**
 * Verifies a callback by the merchant's policy. Only the configured kinds of proofs are accepted. Every accepted proof
 * that is present must hold, and at least one must be present. Never throws, never rejects. Returns a promise only if a
 * proof waits for a key.
 */
export function verifyCallback(
  callback: CheckedCallback,
  received: Received,
  policy: VerificationPolicy,
): Verdict | Promise<Verdict> {
  const { merchantId } = policy;
  if (callback.merchantid !== undefined && callback.merchantid !== merchantId) {
    return refused('merchant-mismatch', 'merchantid', 'merchantid is not the configured merchant id');
  }
  const encoded = encodedValues(received.raw);
  const present: ProofVerifier[] = [];
  const checking: Array<ProofChecked | Promise<ProofChecked>> = [];
  for (const verifier of policy.accepted[callback.kind]) {
    const given = callback[verifier.field];
    const lost = callback.odd?.get(verifier.field);
    if (lost !== undefined) return refused(lost.code, verifier.field, lost.message);
    if (given === undefined) continue;
    const textFor = (reading: SignedText) =>
      unreadableField(reading, callback, received) === undefined
        ? textOf(reading, callback, merchantId, encoded)
        : undefined;
    present.push(verifier);
    checking.push(verifier.verify(textFor, given));
  }
  return checking.some((check) => check instanceof Promise)
    ? Promise.all(checking).then((checked) => judge(callback, received, policy, present, checked))
    : judge(callback, received, policy, present, checking as ProofChecked[]);
}

/** The first signed field whose value is not known, and why. Nearly always `undefined`. */
function unreadableField(
  { fields, values }: SignedText,
  { odd }: CheckedCallback,
  { isParsed = false }: Pick<ReceivedFields, 'isParsed'>,
): Issue | undefined {
  for (const field of fields) {
    const found = odd?.get(field);
    if (found !== undefined) return { ...found, field };
  }
  if (!isParsed || values !== 'encoded') return undefined;
  const message = 'a body parser decoded values that are signed as encoded; mount the handler before it';
  return { code: 'altered-by-parser', message };
}

type Received = Pick<ReceivedFields, 'raw' | 'releaseForm' | 'isParsed'> & { readonly method: 'GET' | 'POST' };

function judge(
  callback: CheckedCallback,
  received: Received,
  { merchantId, accepted, isStored }: VerificationPolicy,
  present: readonly ProofVerifier[],
  checked: readonly ProofChecked[],
): Verdict {
  const { method, raw, releaseForm } = received;
  const failed = present[checked.findIndex((one) => !one.ok && one.reason === 'mismatch')];
  if (failed !== undefined) {
    for (const reading of readingsOf(failed.signedText)) {
      const unreadable = unreadableField(reading, callback, received);
      if (unreadable !== undefined) return { ok: false, reason: 'invalid', issues: [unreadable] };
    }
    return refused('proof-mismatch', failed.field, `${failed.field} does not match the fields`);
  }
  const undecided = checked.find((one): one is KeysUnavailable => !one.ok);
  if (undecided !== undefined) return undecided;
  const [strongest] = checked;
  if (!strongest?.ok) {
    const fields = accepted[callback.kind].map(({ field }) => field);
    return refused('proof-missing', fields[0], `no proof of an accepted kind is present (${fields.join(', ')})`);
  }
  const verifier = present[0] as ProofVerifier;
  const { keyId, reading } = strongest;
  const proof = { algorithm: verifier.algorithm, keyId, ...(reading !== undefined && { reading }) };
  const signedText = readingsOf(verifier.signedText)[reading ?? 0] as SignedText;
  const fingerprint = isStored ? undefined : unknownFingerprint;
  const by = { origin: 'callback', method, raw, releaseForm, proof, fingerprint } as const;
  return { ok: true, callback: toVerified(callback, by, signedText, merchantId) };
}

function refused(code: Issue['code'], field: string | undefined, message: string): Verdict {
  return {
    ok: false,
    reason: 'invalid',
    issues: [field === undefined ? { code, message } : { code, field, message }],
  };
}
