import { failures } from '../../errors.js';
import type { Issue } from '../../model/issue.js';
import { toRequest } from '../../model/to-request.js';
import {
  type CheckedCallback,
  fieldTable,
  isProofField,
  type ProofAlgorithm,
  proofAlgorithms,
  proofFields,
} from '../../protocol/fields.js';
import type { CallbackKind } from '../../protocol/kinds.js';
import { type SignedText, signedTextFor } from '../../protocol/signed-text.js';
import { checkFields } from '../../reading/check-fields.js';
import type { ReceivedFields } from '../../reading/field-collector.js';
import { readFields } from '../../reading/read-fields.js';
import type { ResolvedSettings } from '../../settings/resolve-settings.js';
import type { ProofVerifier } from '../../verification/proof-verifier.js';
import { type Verdict, verifyCallback } from '../../verification/verify-callback.js';

/** The result of checking one proof. */
export interface ProofExplained {
  readonly algorithm: ProofAlgorithm;
  /** The field with the proof. */
  readonly field: string;
  /** The fields that it covers, in this order. SHA-1 appends the secret key. */
  readonly signs: SignedText['fields'];
  /** The text between the fields. */
  readonly separator: string;
  /** The place of the secret key of a SHA-1 digest, and the text between the fields and the key. */
  readonly key?: { readonly side: 'behind' | 'in-front'; readonly separator: string };
  readonly result: 'absent' | 'not-accepted' | 'not-judged' | 'holds' | 'does-not-hold' | 'keys-unavailable';
  /** If the proof holds: which key it is made with. Not the key itself. */
  readonly keyId?: string;
  /** If the proof holds: the fields that it does not cover. */
  readonly unsigned?: readonly string[];
}

/** The steps that a callback went through, up to the first failure. */
export interface Explanation {
  readonly outcome: 'valid' | 'invalid' | 'keys-unavailable';
  readonly method: 'GET' | 'POST';
  /** All decoded fields in their order. Of proofs only the length. */
  readonly fields: ReadonlyArray<{ readonly name: string; readonly value: string; readonly ofProtocol: boolean }>;
  readonly kind: CallbackKind | undefined;
  readonly merchantid: 'is-ours' | 'absent' | 'is-another' | undefined;
  readonly proofs: readonly ProofExplained[];
  /** The rules that failed, in order. */
  readonly issues: ReadonlyArray<Issue & { readonly meaning: string }>;
}

/** Reads, checks and verifies a callback with the functions of an endpoint, and records each step. */
export async function explainCallback(
  { form, method }: { readonly form: string; readonly method: 'GET' | 'POST' },
  { policy, limits, wire }: ResolvedSettings,
): Promise<Explanation> {
  const unread = { method, fields: [], kind: undefined, merchantid: undefined, proofs: [] } as const;
  const read = await readFields(toRequest(form, method), limits);
  if (!read.ok) return { ...unread, outcome: 'invalid', issues: explained([failureOf(read.code)]) };
  const fields = read.received().map(toShown);
  const accepted = (['payment', 'payout'] as const).filter((kind) => policy.accepted[kind].length > 0);
  const checked = checkFields(read, new Set(accepted));
  if (!checked.ok) return { ...unread, fields, outcome: 'invalid', issues: explained(checked.issues) };
  const { callback } = checked;
  const { kind, merchantid } = callback;
  const verdictBy = async (verifiers: readonly ProofVerifier[]) =>
    verifyCallback(
      callback,
      { method, raw: read.raw },
      { ...policy, accepted: { ...policy.accepted, [kind]: verifiers } },
    );
  const proofs: ProofExplained[] = [];
  for (const algorithm of proofAlgorithms(kind)) {
    const field = proofFields[algorithm];
    const { fields: signs, separator = ':', key = 'behind', keySeparator } = signedTextFor(wire, kind, algorithm);
    const verifier = policy.accepted[kind].find((one) => one.algorithm === algorithm);
    const result = await resultOf(callback, verifier, field, verdictBy);
    const secret = algorithm === 'sha1' && { key: { side: key, separator: keySeparator ?? separator } };
    proofs.push({ algorithm, field, signs, separator, ...secret, ...result });
  }
  const verdict = await verdictBy(policy.accepted[kind]);
  return {
    outcome: verdict.ok ? 'valid' : verdict.reason,
    method,
    fields,
    kind,
    merchantid: merchantid === undefined ? 'absent' : merchantid === policy.merchantId ? 'is-ours' : 'is-another',
    proofs,
    issues: explained(issuesOf(verdict)),
  };
}

async function resultOf(
  callback: CheckedCallback,
  verifier: ProofVerifier | undefined,
  field: ProofVerifier['field'],
  verdictBy: (verifiers: readonly ProofVerifier[]) => Promise<Verdict>,
): Promise<Pick<ProofExplained, 'result' | 'keyId' | 'unsigned'>> {
  if (callback[field] === undefined) return { result: 'absent' };
  if (verifier === undefined) return { result: 'not-accepted' };
  const verdict = await verdictBy([verifier]);
  if (!verdict.ok) {
    if (verdict.reason === 'keys-unavailable') return { result: verdict.reason };
    return { result: verdict.issues[0]?.code === 'proof-mismatch' ? 'does-not-hold' : 'not-judged' };
  }
  const { proof, unsigned } = verdict.callback;
  return { result: 'holds', keyId: proof.keyId, unsigned: Object.keys(unsigned) };
}

function toShown([name, value]: ReturnType<ReceivedFields['received']>[number]): Explanation['fields'][number] {
  const field = name.toLowerCase();
  return {
    name,
    value: isProofField(name) ? `(${value.length} characters)` : value,
    ofProtocol: Object.hasOwn(fieldTable, field),
  };
}

function issuesOf(verdict: Verdict): readonly Issue[] {
  if (verdict.ok) return [];
  if (verdict.reason === 'invalid') return verdict.issues;
  const failure = failureOf(verdict.reason);
  return [{ ...failure, message: verdict.problem ?? failure.message }];
}

function failureOf(code: Issue['code']): Issue {
  return { code, message: failures[code].meaning };
}

function explained(issues: readonly Issue[]): Explanation['issues'] {
  return issues.map((issue) => ({ ...issue, meaning: failures[issue.code].meaning }));
}
