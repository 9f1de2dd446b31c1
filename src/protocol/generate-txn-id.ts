import { randomInt } from 'node:crypto';
import { DragonpayError } from '../errors.js';

/** Options of {@link generateTxnId}. */
export interface TxnIdOptions {
  /** What the id starts with: printable ASCII without `:`. Nothing when not given. */
  readonly prefix?: string;
  /**
   * The length of the whole id in characters, at most 40; 20, or more for a long prefix, when not given. At
   * least 16 of them are random.
   */
  readonly length?: number;
}

/** No I, L, O and U: an id is read out on the telephone. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const fewestRandom = 16;

/**
 * Makes a `txnid` that nobody can guess: 5 bits of randomness a character, from the operating system.
 * @throws DragonpayError `invalid-details` where the options leave no room for 16 random characters.
 *
 * @example
 * generateTxnId({ prefix: 'ORD-' });   // ORD-7Q2M9XKDV0B4T1HN
 */
export function generateTxnId({
  prefix = '',
  length = Math.max(20, prefix.length + fewestRandom),
}: TxnIdOptions = {}): string {
  if (!Number.isInteger(length) || length > 40) throw refused('length', 'is no whole number up to 40');
  if (!/^[\u0020-\u0039\u003b-\u007e]*$/.test(prefix)) throw refused('prefix', 'is not printable ASCII without ":"');
  if (length - prefix.length < fewestRandom) throw refused('length', 'leaves fewer than 16 random characters');
  return prefix + Array.from({ length: length - prefix.length }, () => alphabet[randomInt(alphabet.length)]).join('');
}

function refused(subject: string, complaint: string): DragonpayError {
  return new DragonpayError('invalid-details', `${subject} ${complaint}`, { subject });
}
