import { type PublicKey, readPublicKey } from './public-keys.js';

/** The keys that the keys endpoint lists. */
export interface KeyList {
  /** Usable keys with the status `Active`. */
  readonly active: readonly PublicKey[];
  /** Readable keys with another status, such as `Revoked`. */
  readonly revoked: readonly PublicKey[];
}

/**
 * Reads the answer of the keys endpoint, in JSON: `[{ value, status }]`. Names and the status may have any letter case,
 * and white space around the status and in the key is left out.
 * The list may also be in an object that has no other list. Entries that are not usable keys are ignored. A key that is
 * listed as active and as revoked counts as revoked.
 * @throws an Error if the answer is not a list. It holds nothing of the answer.
 */
export function readKeyList(answer: string): KeyList {
  const entries = parseList(answer).flatMap((entry: unknown) => {
    const { value, status } = withFoldedNames(entry);
    try {
      return [{ key: readPublicKey(value as string), isActive: String(status).trim().toLowerCase() === 'active' }];
    } catch {
      return [];
    }
  });
  const revoked = entries.filter(({ isActive }) => !isActive).map(({ key }) => key);
  const isRevoked = ({ keyId }: PublicKey) => revoked.some((one) => one.keyId === keyId);
  const active = entries.filter(({ isActive, key }) => isActive && !isRevoked(key)).map(({ key }) => key);
  return { active, revoked };
}

function parseList(answer: string): readonly unknown[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(answer);
  } catch {
    // The parser's message would quote the answer.
    throw new Error('the answer of the keys endpoint was not understood: it is not JSON');
  }
  const lists = Array.isArray(parsed) ? [parsed] : Object.values(parsed ?? {}).filter(Array.isArray);
  if (lists.length !== 1) throw new Error('the answer of the keys endpoint was not understood: it is not a list');
  return lists[0] as readonly unknown[];
}

function withFoldedNames(entry: unknown): Readonly<Record<string, unknown>> {
  const folded = Object.entries(entry ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
  // A key with two statuses cannot be trusted.
  return new Set(folded.map(([name]) => name)).size < folded.length ? {} : Object.fromEntries(folded);
}
