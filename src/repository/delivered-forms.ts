import type { KeptEvent, KeptOutcome } from '../model/rows.js';
import type { VerifiedCallback } from '../model/verified-callback.js';

/** How many forms of one event are kept: a payer could send any number of them. */
export const mostForms = 8;

/**
 * The form of a delivery that did not fit, as the inbox keeps it until the event is applied: what it says of amount and
 * currency, a bar, and then method, proof, key and form. It has no space: forms are separated by one.
 * @returns `null` for a delivery that needs no such form
 */
export function deliveredForm(callback: VerifiedCallback, outcome: KeptOutcome): string | null {
  const { amount = '', currency = '', method = '', proof, origin } = callback;
  if (origin !== 'callback' || !(outcome === 'not-found' || outcome === 'mismatch')) return null;
  return `${amount},${currency}|${method},${proof.algorithm},${proof.keyId},${callback.raw()}`;
}

/** Adds the form of a new delivery, unless one that says the same of amount and currency is there. */
export function withForm(forms: string | null, added: string | null): string | null {
  if (forms === null || added === null) return forms ?? added;
  const isThere = ` ${forms}`.includes(` ${added.slice(0, added.indexOf('|') + 1)}`);
  return isThere || forms.split(' ').length >= mostForms ? forms : `${forms} ${added}`;
}

/** The deliveries of an event that was not applied: one for each amount and currency that they said. */
export function deliveriesOf(event: KeptEvent): KeptEvent[] {
  return (event.forms ?? '').split(' ').flatMap((form) => {
    const [, method, proof, keyId, raw] = /^[^|]*\|([^,]*),([^,]*),([^,]*),(.*)$/s.exec(form) ?? [];
    return raw === undefined ? [] : [{ ...event, method: method || null, proof, keyId, raw } as KeptEvent];
  });
}
