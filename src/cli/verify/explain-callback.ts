import { failures } from '../../errors.js';
import type { Issue } from '../../model/issue.js';
import { toRequest } from '../../model/to-request.js';
import type { CheckedCallback } from '../../protocol/fields.js';
import { knownFieldNames } from '../../protocol/fields.js';
import type { CallbackKind } from '../../protocol/kinds.js';
import type { ProofAlgorithm, SignedField } from '../../protocol/signed-text.js';
import { checkFields } from '../../reading/check-fields.js';
import { type ReceivedFields, readFields } from '../../reading/read-fields.js';
import type { CheckedSettings } from '../../settings/check-settings.js';
import type { ProofVerifier } from '../../verification/proof-verifier.js';
import { type Verdict, verifyCallback } from '../../verification/verify-callback.js';

/** What became of one proof. */
export interface ProofExplained {
  readonly algorithm: ProofAlgorithm;
  /** The field that holds it. */
  readonly field: string;
  /** What it is made of, in this order; SHA-1 with the secret key at the end. */
  readonly signs: readonly SignedField[];
  readonly result: 'absent' | 'not-accepted' | 'not-judged' | 'holds' | 'does-not-hold' | 'keys-unavailable';
  /** Which key, where it holds: no secret. */
  readonly keyId?: string;
  /** Fields that nothing vouches for, where it holds. */
  readonly unsigned?: readonly string[];
}

/** The way of a callback as far as it came. */
export interface Explanation {
  readonly outcome: 'valid' | 'invalid' | 'keys-unavailable';
  readonly method: 'GET' | 'POST';
  /** Every field as decoded, in the order of the wire; proofs only with their length. */
  readonly fields: ReadonlyArray<{ readonly name: string; readonly value: string; readonly ofProtocol: boolean }>;
  readonly kind: CallbackKind | undefined;
  readonly merchantid: 'is-ours' | 'absent' | 'is-another' | undefined;
  readonly proofs: readonly ProofExplained[];
  /** The rules that failed, the first one first. */
  readonly issues: ReadonlyArray<Issue & { readonly meaning: string }>;
}

/** Takes a callback the way that an endpoint takes it, with the same functions, and writes down each step. */
export async function explainCallback(
  { form, method }: { readonly form: string; readonly method: 'GET' | 'POST' },
  { policy, limits, wire }: CheckedSettings,
): Promise<Explanation> {
  const unread = { method, fields: [], kind: undefined, merchantid: undefined, proofs: [] } as const;
  const read = await readFields(toRequest(form, method), limits);
  if (!read.ok) return { ...unread, outcome: 'invalid', issues: explained([failureOf(read.code)]) };
  const fields = read.received.map(toShown);
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
  const algorithms = kind === 'payment' ? (['rsa', 'hmac', 'sha1'] as const) : (['sha1'] as const);
  const proofs: ProofExplained[] = [];
  for (const algorithm of algorithms) {
    const field = proofField[algorithm];
    const signs = (kind === 'payment' ? wire.payment[algorithm] : wire.payout.sha1).fields;
    const verifier = policy.accepted[kind].find((one) => one.algorithm === algorithm);
    const result = await resultOf(callback, verifier, field, verdictBy);
    proofs.push({ algorithm, field, signs, ...result });
  }
  const verdict = await verdictBy(policy.accepted[kind]);
  return {
    outcome: verdict.ok ? 'valid' : 'unavailable' in verdict ? 'keys-unavailable' : 'invalid',
    method,
    fields,
    kind,
    merchantid: merchantid === undefined ? 'absent' : merchantid === policy.merchantId ? 'is-ours' : 'is-another',
    proofs,
    issues: explained(issuesOf(verdict)),
  };
}

const proofField = { rsa: 'signatures', hmac: 'signature', sha1: 'digest' } as const;

async function resultOf(
  callback: CheckedCallback,
  verifier: ProofVerifier | undefined,
  field: ProofVerifier['field'],
  verdictBy: (verifiers: readonly ProofVerifier[]) => Promise<Verdict>,
): Promise<Pick<ProofExplained, 'result' | 'keyId' | 'unsigned'>> {
  if (callback[field] === undefined) return { result: 'absent' };
  if (verifier === undefined) return { result: 'not-accepted' };
  const verdict = await verdictBy([verifier]);
  if (!verdict.ok && 'unavailable' in verdict) return { result: 'keys-unavailable' };
  if (!verdict.ok) return { result: verdict.issues[0]?.code === 'proof-mismatch' ? 'does-not-hold' : 'not-judged' };
  const { proof, unsigned } = verdict.callback;
  return { result: 'holds', keyId: proof.keyId, unsigned: Object.keys(unsigned) };
}

function toShown([name, value]: ReceivedFields['received'][number]): Explanation['fields'][number] {
  const field = name.toLowerCase();
  const isProof = Object.values<string>(proofField).includes(field);
  return {
    name,
    value: isProof ? `(${value.length} characters)` : value,
    ofProtocol: (knownFieldNames as readonly string[]).includes(field),
  };
}

function issuesOf(verdict: Verdict): readonly Issue[] {
  if (verdict.ok) return [];
  return 'unavailable' in verdict ? [failureOf('keys-unavailable')] : verdict.issues;
}

function failureOf(code: Issue['code']): Issue {
  return { code, message: failures[code].meaning };
}

function explained(issues: readonly Issue[]): Explanation['issues'] {
  return issues.map((issue) => ({ ...issue, meaning: failures[issue.code].meaning }));
}
