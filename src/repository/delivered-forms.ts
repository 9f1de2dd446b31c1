import type { KeptEvent, KeptOutcome } from '../model/rows.js';
import type { VerifiedCallback } from '../model/verified-callback.js';

/** The maximum number of forms that are kept of one event: a payer could send any number of them. */
export const mostForms = 8;

/**
 * Makes the text of a delivery that did not fit. The inbox keeps it until the event is applied. Its format is
 * `amount,currency|method,proof,key,form`. It holds no space, because spaces separate these texts.
 * @returns `null` for a delivery that need not be kept
 */
export function deliveredForm(callback: VerifiedCallback, outcome: KeptOutcome): string | null {
  const { amount = '', currency = '', method = '', proof, origin } = callback;
  if (origin !== 'callback' || !(outcome === 'not-found' || outcome === 'mismatch')) return null;
  return `${amount},${currency}|${method},${proof.algorithm},${proof.keyId},${callback.raw()}`;
}

/** Adds the form of a new delivery, unless there is one with the same amount and currency. */
export function withForm(forms: string | null, added: string | null): string | null {
  if (forms === null || added === null) return forms ?? added;
  const isThere = ` ${forms}`.includes(` ${added.slice(0, added.indexOf('|') + 1)}`);
  return isThere || forms.split(' ').length >= mostForms ? forms : `${forms} ${added}`;
}

/** The deliveries of an event that was not applied: one for each pair of amount and currency. */
export function deliveriesOf(event: KeptEvent): KeptEvent[] {
  return (event.forms ?? '').split(' ').flatMap((form) => {
    const [, method, proof, keyId, raw] = /^[^|]*\|([^,]*),([^,]*),([^,]*),(.*)$/s.exec(form) ?? [];
    return raw === undefined ? [] : [{ ...event, method: method || null, proof, keyId, raw } as KeptEvent];
  });
}
