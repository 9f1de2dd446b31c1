import type { FailureCode } from '../../errors.js';
import { printable } from '../report.js';
import type { Explanation, ProofExplained } from './explain-callback.js';

/** What to look for, where the meaning of a code alone does not say. */
const advice: { readonly [code in FailureCode]?: string } = {
  'proof-mismatch':
    'Look for a wrong key, the key of the other environment, or a text that was changed on the way (decoded twice, trimmed, + for a space).',
  'proof-missing': 'Dragonpay sends another kind of proof than is configured, or a proxy cuts the query.',
  'merchant-mismatch': 'It is for another merchant id than DRAGONPAY_MERCHANT_ID.',
  'kind-not-accepted': 'No key is configured for this kind.',
  'keys-unavailable': 'Look at DRAGONPAY_API_KEY, and whether this machine reaches the gateway.',
};

/** The explanation of a callback, for people. */
export function describeExplanation(explanation: Explanation): string {
  const { fields, kind, issues, outcome } = explanation;
  const [first] = issues;
  const lines = [
    `1. read: ${fields.length === 1 ? '1 field' : `${fields.length} fields`}, as from ${explanation.method === 'GET' ? 'a query' : 'a body'}`,
    ...fields.map(({ name, value, ofProtocol }) => {
      return `     ${printable(name)} = ${printable(value)}${ofProtocol ? '' : '   (not of the protocol: ignored)'}`;
    }),
  ];
  if (kind === undefined) {
    lines.push('2. check: failed', ...issues.map(({ code, message }) => `     ${code}: ${message}`));
  } else {
    lines.push(`2. check: a ${kind}, and its fields have their shapes`, '3. verify', ...verification(explanation));
  }
  const verdict = first === undefined ? 'valid' : `${outcome}, first by ${first.code}: ${first.message}`;
  const hint = first && advice[first.code];
  return [...lines, `Verdict: ${verdict}`, ...(hint === undefined ? [] : [`  ${hint}`])].join('\n');
}

function verification({ merchantid, proofs, kind }: Explanation): string[] {
  const merchant = {
    'is-ours': 'is the configured one',
    absent: 'is not sent: the configured one stands in for it where it is signed',
    'is-another': 'is not the configured one: no proof counts',
  }[merchantid ?? 'absent'];
  return [`     merchantid ${merchant}`, ...proofs.map((proof) => `     ${describeProof(proof, kind === 'payout')}`)];
}

const results = {
  absent: 'is not there',
  'not-accepted': 'is there, and ignored: no key is configured for it',
  'not-judged': 'is not judged: it is for another merchant',
  'does-not-hold': 'DOES NOT HOLD',
  'keys-unavailable': 'cannot be judged: the public keys could not be fetched',
} as const;

const variables = { rsa: 'the public keys', hmac: 'DRAGONPAY_HMAC_KEYS', sha1: 'DRAGONPAY_SECRET_KEYS' } as const;

function describeProof(proof: ProofExplained, isPayout: boolean): string {
  const { algorithm, field, signs, result, keyId, unsigned = [] } = proof;
  const text = `${signs.join(':')}${algorithm === 'sha1' ? ':(secret key)' : ''}`;
  const key = isPayout ? 'DRAGONPAY_PAYOUT_SECRET_KEYS' : variables[algorithm];
  const nothing = unsigned.length === 0 ? '' : `; nothing vouches for ${unsigned.join(', ')}`;
  const said = result === 'holds' ? `holds by ${keyId} of ${key}${nothing}` : results[result];
  return `${field} (${algorithm}, over ${text}) ${said}`;
}
