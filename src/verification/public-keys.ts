import { createHash, createPublicKey, KeyObject } from 'node:crypto';
import { keysUnavailable, mismatch, type ProofChecked } from './proof-verifier.js';

/** An RSA key that Dragonpay signs with. */
export interface PublicKey {
  readonly key: KeyObject;
  /** The first 16 hex digits of the SHA-256 of the SubjectPublicKeyInfo. */
  readonly keyId: string;
  /** The length of its signatures, in bytes. */
  readonly signatureBytes: number;
}

/** A source of public keys. */
export interface PublicKeySource {
  /** Finds the first key that a predicate holds for, and asks for newer keys if there is none. Never rejects. */
  firstThatVerifies(holds: (key: PublicKey) => boolean): ProofChecked | Promise<ProofChecked>;
  /** Resolves when no fetch is in flight. */
  settled(): Promise<void>;
}

/** The form of a public key in the settings: PEM, base64 of a DER SubjectPublicKeyInfo, or a KeyObject. */
export type PublicKeyInput = string | KeyObject;

/**
 * Reads one public key: RSA, 2048 to 8192 bits.
 * @throws an Error without the key. Its message completes a sentence: "must be an RSA public key".
 */
export function readPublicKey(input: PublicKeyInput): PublicKey {
  const key = toKeyObject(input);
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.type !== 'public' || key.asymmetricKeyType !== 'rsa') throw new Error('must be an RSA public key');
  if (bits < 2048 || bits > 8192) throw new Error(`must be an RSA key of 2048 to 8192 bits, not of ${bits}`);
  const fingerprint = createHash('sha256').update(key.export({ type: 'spki', format: 'der' }));
  return { key, keyId: fingerprint.digest('hex').slice(0, 16), signatureBytes: Math.ceil(bits / 8) };
}

function toKeyObject(input: PublicKeyInput): KeyObject {
  if (input instanceof KeyObject) return input;
  try {
    const text = input.trim();
    if (text.includes('PRIVATE KEY')) throw new Error('private');
    if (text.startsWith('-----BEGIN')) return createPublicKey(text);
    if (!/^[A-Za-z0-9+/\s]+={0,2}$/.test(text)) throw new Error('not base64');
    return createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });
  } catch {
    // The cause may quote the key.
    throw new Error('must be a public key in PEM or base64 DER (SubjectPublicKeyInfo)');
  }
}

/** The keys of the settings. */
export function givenKeys(keys: readonly PublicKey[]): PublicKeySource {
  return {
    firstThatVerifies: (holds) => findKey(keys, holds) ?? mismatch,
    settled: async () => {},
  };
}

function findKey(keys: readonly PublicKey[], holds: (key: PublicKey) => boolean): ProofChecked | undefined {
  const found = keys.find(holds);
  return found && { ok: true, keyId: found.keyId };
}

const hour = 3_600_000;
const day = 24 * hour;
const minute = 60_000;

interface FetchedKeys {
  readonly keys: readonly PublicKey[];
  readonly fetchedAt: number;
}

/**
 * Dragonpay's keys, fetched from the gateway's keys endpoint and used for an hour. A proof that none of them verifies
 * causes a new fetch, but at most one per minute in all, so that forgeries cannot cause traffic to Dragonpay. After a
 * failed fetch the last known keys are used, for at most a day. A proof that fails while the keys cannot be renewed
 * may be genuine: the result is `keys-unavailable`, so that a key rotation during an outage loses no payment.
 */
export class FetchedPublicKeys implements PublicKeySource {
  readonly #fetchKeyList: () => Promise<unknown>;
  readonly #now: () => number;
  #current: FetchedKeys | undefined;
  #inFlight: Promise<boolean> | undefined;
  #failures = 0;
  #lastFailureAt = Number.NEGATIVE_INFINITY;
  #lastRefetchAt = Number.NEGATIVE_INFINITY;
  #lastRefetchSucceeded = false;

  constructor(fetchKeyList: () => Promise<unknown>, now: () => number = () => performance.now()) {
    this.#fetchKeyList = fetchKeyList;
    this.#now = now;
  }

  async firstThatVerifies(holds: (key: PublicKey) => boolean): Promise<ProofChecked> {
    const startedAt = this.#now();
    const known = await this.#keys();
    if (known === undefined || known.keys.length === 0) return keysUnavailable;
    const found = findKey(known.keys, holds);
    if (found !== undefined) return found;
    const newer = await this.#keysNewerThan(known, startedAt);
    if (newer === undefined || newer.keys.length === 0) return keysUnavailable;
    return findKey(newer.keys, holds) ?? mismatch;
  }

  async settled(): Promise<void> {
    await this.#inFlight;
  }

  async #keys(): Promise<FetchedKeys | undefined> {
    const age = this.#age();
    if (age < hour && this.#current?.keys.length !== 0) return this.#current;
    if (this.#mayFetch()) await this.#refresh();
    return this.#age() < day ? this.#current : undefined;
  }

  #age(): number {
    return this.#current === undefined ? Number.POSITIVE_INFINITY : this.#now() - this.#current.fetchedAt;
  }

  /** From the second failure in a row, the next fetch waits 1, 2, 4 and so on up to 60 seconds. */
  #mayFetch(): boolean {
    if (this.#inFlight !== undefined || this.#failures < 2) return true;
    return this.#now() - this.#lastFailureAt >= Math.min(minute, 1000 * 2 ** (this.#failures - 2));
  }

  /** Keys that are known to be current. `undefined`: it is not known whether they are. */
  async #keysNewerThan(known: FetchedKeys, startedAt: number): Promise<FetchedKeys | undefined> {
    if (known.fetchedAt >= startedAt) return known;
    if (this.#current !== known) return this.#current;
    if (this.#inFlight === undefined && this.#now() - this.#lastRefetchAt < minute) {
      return this.#lastRefetchSucceeded ? known : undefined;
    }
    if (this.#inFlight === undefined) this.#lastRefetchAt = this.#now();
    this.#lastRefetchSucceeded = await this.#refresh();
    return this.#lastRefetchSucceeded ? this.#current : undefined;
  }

  /** Fetches, or joins the fetch in flight. Resolves to whether it succeeded. */
  #refresh(): Promise<boolean> {
    this.#inFlight ??= this.#fetchKeys().finally(() => {
      this.#inFlight = undefined;
    });
    return this.#inFlight;
  }

  async #fetchKeys(): Promise<boolean> {
    try {
      const keys = readKeyList(await this.#fetchKeyList());
      this.#current = { keys, fetchedAt: this.#now() };
      if (keys.length > 0) this.#failures = 0;
      else this.#countFailure();
      return true;
    } catch {
      this.#countFailure();
      return false;
    }
  }

  #countFailure(): void {
    this.#failures++;
    this.#lastFailureAt = this.#now();
  }
}

/** Reads `[{ value, status }]`. Skips entries that are not usable keys. Throws if no Active entry is usable. */
function readKeyList(answer: unknown): readonly PublicKey[] {
  if (!Array.isArray(answer)) throw new Error('the keys endpoint did not answer with a list');
  const active = answer.filter((entry) => entry?.status === 'Active' && typeof entry.value === 'string');
  const keys = active.flatMap((entry) => {
    try {
      return [readPublicKey(entry.value)];
    } catch {
      return [];
    }
  });
  if (active.length > 0 && keys.length === 0) throw new Error('no key of the keys endpoint is usable');
  return keys;
}
