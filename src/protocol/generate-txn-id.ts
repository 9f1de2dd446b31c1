import { randomInt } from 'node:crypto';
import { invalidDetails } from '../errors.js';
import { checkNames } from './nearest-name.js';

/** Options of {@link generateTxnId}. */
export interface TxnIdOptions {
  /** The beginning of the id: printable ASCII without `:`. Default: empty. */
  readonly prefix?: string;
  /**
   * The length of the whole id in characters, at most 40, of which at least 16 are random. Default: 20, or more for a
   * long prefix.
   */
  readonly length?: number;
}

/** Without I, L, O and U, which are easily misheard on the telephone. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const fewestRandom = 16;

/**
 * Makes a `txnid` that cannot be guessed. Each random character has 5 bits from the operating system's generator.
 * @throws DragonpayError `invalid-details` if the options leave less than 16 random characters
 *
 * @example
 * generateTxnId({ prefix: 'ORD-' });   // ORD-7Q2M9XKDV0B4T1HN
 */
export function generateTxnId(options: TxnIdOptions = {}): string {
  checkNames(options, { prefix: true, length: true });
  const { prefix = '', length = Math.max(20, prefix.length + fewestRandom) } = options;
  if (!Number.isInteger(length) || length > 40) throw invalidDetails('length', 'must be an integer up to 40');
  if (!/^[\u0020-\u0039\u003b-\u007e]*$/.test(prefix))
    throw invalidDetails('prefix', 'must be printable ASCII without ":"');
  if (length - prefix.length < fewestRandom) throw invalidDetails('length', 'must leave at least 16 random characters');
  return prefix + Array.from({ length: length - prefix.length }, () => alphabet[randomInt(alphabet.length)]).join('');
}
