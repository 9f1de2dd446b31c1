import { type PublicKey, readPublicKey } from './public-keys.js';

/** What the keys endpoint listed. */
export interface KeyList {
  /** The keys that are listed as Active and can be used. */
  readonly active: readonly PublicKey[];
  /** The ids of the keys that are listed with another status, such as Revoked. */
  readonly revoked: ReadonlySet<string>;
}

/**
 * Reads `[{ value, status }]`. The letter case of names and of `Active` is not known for certain, so either is accepted.
 * Entries that are not usable keys are skipped.
 * @throws an Error if the answer is not a list, or if it has entries and none of them can be read
 */
export function readKeyList(answer: unknown): KeyList {
  if (!Array.isArray(answer)) throw new Error('the keys endpoint did not answer with a list');
  const active: PublicKey[] = [];
  const revoked = new Set<string>();
  let readable = 0;
  for (const entry of answer) {
    const { value, status } = foldedEntry(entry);
    if (typeof value !== 'string' || typeof status !== 'string') continue;
    const key = readOrSkip(value);
    if (key === undefined) continue;
    readable++;
    if (status.toLowerCase() === 'active') active.push(key);
    else revoked.add(key.keyId);
  }
  if (answer.length > 0 && readable === 0) throw new Error('the keys endpoint listed no key that can be read');
  return { active, revoked };
}

/** The properties of an entry by their lower-case names. */
function foldedEntry(entry: unknown): Readonly<Record<string, unknown>> {
  if (typeof entry !== 'object' || entry === null) return {};
  return Object.fromEntries(Object.entries(entry).map(([name, value]) => [name.toLowerCase(), value]));
}

function readOrSkip(value: string): PublicKey | undefined {
  try {
    return readPublicKey(value);
  } catch {
    return undefined;
  }
}
