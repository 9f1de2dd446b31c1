import type { KeptEvent } from '../model/rows.js';
import { toVerified, type VerifiedCallback } from '../model/verified-callback.js';
import type { ProofAlgorithm, SignedText, WireFormat } from '../protocol/signed-text.js';
import { checkFields } from '../reading/check-fields.js';
import { readForm } from '../reading/read-fields.js';

/**
 * Makes a kept event a verified callback again. Its proof held when the inbox took it, which takes nothing else; it is
 * not asked for again, since keys may have changed.
 * @throws an Error for a form that is none any more
 */
export function verifiedByInbox(event: KeptEvent, wire: WireFormat, merchantId: string): VerifiedCallback {
  const { kind, proof: algorithm, keyId, method } = event;
  const form = readForm(event.raw, Number.POSITIVE_INFINITY);
  const checked = form && checkFields(form, new Set([kind]));
  if (!checked?.ok) throw new Error('the form that the inbox holds cannot be read');
  const fields = isProof(algorithm) ? signedTextOf(wire, kind, algorithm).fields : 'all';
  const by = { origin: 'replay', method: method ?? undefined, raw: () => event.raw } as const;
  return toVerified(checked.callback, { ...by, proof: { algorithm, keyId } }, fields, merchantId);
}

function signedTextOf(wire: WireFormat, kind: KeptEvent['kind'], algorithm: ProofAlgorithm): SignedText {
  return kind === 'payment' ? wire.payment[algorithm] : wire.payout.sha1;
}

function isProof(algorithm: KeptEvent['proof']): algorithm is ProofAlgorithm {
  return algorithm === 'rsa' || algorithm === 'hmac' || algorithm === 'sha1';
}
