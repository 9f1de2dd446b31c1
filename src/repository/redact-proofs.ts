import { isProofField } from '../protocol/fields.js';

/** Replaces the values of the three proofs in a form, so that a reader of the inbox cannot replay it. */
export function redactProofs(form: string): string {
  return form
    .split('&')
    .map((pair) => {
      const equals = pair.indexOf('=');
      const name = equals < 0 ? pair : pair.slice(0, equals);
      return isProofName(name) ? `${name}=redacted` : pair;
    })
    .join('&');
}

function isProofName(rawName: string): boolean {
  let name = rawName.replaceAll('+', ' ');
  try {
    name = decodeURIComponent(name);
  } catch {
    // A name that cannot be decoded is not the name of a proof.
  }
  return isProofField(name);
}
