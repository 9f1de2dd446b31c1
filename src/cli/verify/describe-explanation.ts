import type { FailureCode } from '../../errors.js';
import { escapeForTerminal } from '../report.js';
import type { Explanation, ProofExplained } from './explain-callback.js';

/** Advice for the merchant, for codes whose meaning does not contain it. */
const advice: { readonly [code in FailureCode]?: string } = {
  'proof-mismatch':
    'Check for a wrong key, a key of the other environment, or a text that was changed on the way (decoded twice, trimmed, + instead of a space).',
  'proof-missing': 'Either Dragonpay sends a kind of proof that is not configured, or a proxy cut the query.',
  'merchant-mismatch': 'The callback names a merchant id other than DRAGONPAY_MERCHANT_ID.',
  'kind-not-accepted': 'No key is configured for this kind.',
  'keys-unavailable': 'Check DRAGONPAY_API_KEY, and whether this machine reaches the gateway.',
};

/** Formats the explanation of a callback for people. */
export function describeExplanation(explanation: Explanation): string {
  const { fields, kind, issues, outcome } = explanation;
  const [first] = issues;
  const lines = [
    `1. read: ${fields.length === 1 ? '1 field' : `${fields.length} fields`} of a ${explanation.method === 'GET' ? 'query' : 'body'}`,
    ...fields.map(({ name, value, ofProtocol }) => {
      return `     ${escapeForTerminal(name)} = ${escapeForTerminal(value)}${ofProtocol ? '' : '   (unknown field, ignored)'}`;
    }),
  ];
  if (kind === undefined) {
    lines.push('2. check: failed', ...issues.map(({ code, message }) => `     ${code}: ${message}`));
  } else {
    lines.push(`2. check: a ${kind} with well-formed fields`, '3. verify', ...verification(explanation));
  }
  const verdict =
    first === undefined ? 'valid' : `${outcome === first.code ? '' : `${outcome}, `}${first.code}: ${first.message}`;
  const hint = first && advice[first.code];
  return [...lines, `Verdict: ${verdict}`, ...(hint === undefined ? [] : [`  ${hint}`])].join('\n');
}

function verification({ merchantid, proofs, kind }: Explanation): string[] {
  const merchant = {
    'is-ours': 'is the configured merchant id',
    absent: 'is not sent; proofs that cover it use the configured merchant id',
    'is-another': 'is not the configured merchant id, so no proof is checked',
  }[merchantid ?? 'absent'];
  return [`     merchantid ${merchant}`, ...proofs.map((proof) => `     ${describeProof(proof, kind === 'payout')}`)];
}

const results = {
  absent: 'is not sent',
  'not-accepted': 'is sent and ignored: no key is configured for it',
  'not-judged': 'is not checked: it is for another merchant',
  'does-not-hold': 'DOES NOT MATCH',
  'keys-unavailable': 'cannot be checked: the public keys could not be fetched',
} as const;

const variables = { rsa: 'the public keys', hmac: 'DRAGONPAY_HMAC_KEYS', sha1: 'DRAGONPAY_SECRET_KEYS' } as const;

function describeProof(proof: ProofExplained, isPayout: boolean): string {
  const { algorithm, field, signs, separator, key: secret, result, keyId, unsigned = [] } = proof;
  const parts = [signs.join(separator), ...(secret === undefined ? [] : ['(secret key)'])];
  const text = escapeForTerminal((secret?.side === 'in-front' ? parts.reverse() : parts).join(secret?.separator));
  const key = isPayout ? 'DRAGONPAY_PAYOUT_SECRET_KEYS' : variables[algorithm];
  const uncovered = unsigned.length === 0 ? '' : `; it does not cover ${unsigned.join(', ')}`;
  const outcome = result === 'holds' ? `matches with ${keyId} of ${key}${uncovered}` : results[result];
  return `${field} (${algorithm} of ${text}) ${outcome}`;
}
