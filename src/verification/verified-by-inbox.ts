import { DragonpayError } from '../errors.js';
import type { EventKey, KeptEvent } from '../model/rows.js';
import { toVerified, type VerifiedCallback } from '../model/verified-callback.js';
import { proofFields } from '../protocol/fields.js';
import { idFields } from '../protocol/kinds.js';
import { readingsOf, type SignedText, signedTextFor, type WireFormat } from '../protocol/signed-text.js';
import { checkFields } from '../reading/check-fields.js';
import { readForm } from '../reading/read-fields.js';

/**
 * Makes a verified callback from an event of the inbox. The inbox records verified callbacks only. The proof is not
 * checked again, because the keys may have changed since.
 * @throws DragonpayError `event-unreadable` if the stored form is not a callback.
 */
export function verifiedByInbox(event: KeptEvent, wire: WireFormat, merchantId: string): VerifiedCallback {
  const { kind, proof: algorithm, keyId, method } = event;
  const form = readForm(event.raw, Number.POSITIVE_INFINITY);
  const checked = form && checkFields(form, new Set([kind]));
  if (!checked?.ok)
    throw new DragonpayError('event-unreadable', 'the form of the event in the inbox is not a callback');
  const signed = isProof(algorithm) ? coveredByAll(signedTextFor(wire, kind, algorithm)) : 'all';
  const { fingerprint } = event;
  const by = { origin: 'replay', method: method ?? undefined, raw: () => event.raw, fingerprint } as const;
  return toVerified(checked.callback, { ...by, proof: { algorithm, keyId } }, signed, merchantId);
}

/**
 * Makes a callback from what the inbox says about an event whose form cannot be read, so that it can be recorded as
 * failed.
 */
export function unreadableEvent(key: EventKey, kept: KeptEvent, merchantId: string): VerifiedCallback {
  const { kind, id, refno, status } = key;
  const { proof: algorithm, keyId, method, fingerprint } = kept;
  const by = { origin: 'replay', method: method ?? undefined, raw: () => kept.raw, fingerprint } as const;
  const facts = { kind, [idFields[kind]]: id, refno, status, message: '' };
  return toVerified(facts, { ...by, proof: { algorithm, keyId } }, 'all', merchantId);
}

function isProof(algorithm: KeptEvent['proof']): algorithm is keyof typeof proofFields {
  return Object.hasOwn(proofFields, algorithm);
}

/**
 * The inbox does not say which reading matched, so only the fields that every reading covers are certain. If the
 * readings differ in how they join the fields, only the fields that identify the event are certain.
 */
function coveredByAll(text: SignedText): SignedText {
  const others = readingsOf(text);
  const joinAlike = others.every(
    ({ separator, empty, values, pairs }) =>
      separator === text.separator && empty === text.empty && values === text.values && pairs === text.pairs,
  );
  const isCertain = (field: SignedText['fields'][number]) =>
    others.every(({ fields }) => fields.includes(field)) && (joinAlike || keyFields.has(field));
  return { ...text, fields: text.fields.filter(isCertain) };
}

const keyFields: ReadonlySet<string> = new Set(['txnid', 'merchantTxnId', 'refno', 'status']);
