import { hash } from 'node:crypto';

/** One of the three groups of a fingerprint, for values that the proof does not cover. */
const uncovered = '________';

/** The fingerprint of events that an earlier version recorded without one. It matches every fingerprint. */
export const unknownFingerprint = uncovered.repeat(3);

/** The values of an event that its proof covers, in addition to its id, refno and status. `undefined`: not covered. */
export interface CoveredValues {
  readonly message: string | undefined;
  readonly amount: string | undefined;
  /** The names and values of the other fields. */
  readonly others: string | undefined;
}

/**
 * Tells apart events that differ in a value that both proofs cover. It has three groups of eight hex digits. An
 * underscore stands for any digit, as in SQL's `LIKE`: proofs of different kinds cover different fields of the same
 * event.
 */
export function fingerprintOf({ message, amount, others }: CoveredValues): string {
  return digitsOf(message) + digitsOf(amount) + digitsOf(others);
}

function digitsOf(value: string | undefined): string {
  return value === undefined ? uncovered : hash('sha1', value).slice(0, uncovered.length);
}

/** Whether a text has the format of a fingerprint. */
export function isFingerprint(text: string): boolean {
  return /^(?:[0-9a-f]{8}|_{8}){3}$/.test(text);
}

/**
 * Whether two fingerprints of callbacks with the same kind, id, refno and status belong to one event: one of them must
 * cover everything that the other covers, with the same values.
 */
export function isSameEvent(one: string, other: string): boolean {
  return isLike(one, other) || isLike(other, one);
}

/** Returns the fingerprint that covers more, of two fingerprints of one event. */
export function moreExactFingerprint(one: string, other: string): string {
  return isLike(one, other) ? one : other;
}

/** SQL's `text LIKE pattern`. */
function isLike(text: string, pattern: string): boolean {
  for (let at = 0; at < pattern.length; at++) {
    if (pattern[at] !== '_' && pattern[at] !== text[at]) return false;
  }
  return true;
}
