import { type KeyList, readKeyList } from './key-list.js';
import { mismatch, type ProofChecked } from './proof-verifier.js';
import { findKey, type PublicKey, type PublicKeySource } from './public-keys.js';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** How many fetches failed proofs may cause at once. One more is allowed each minute. */
const mostRefetches = 5;

const notFetched = "Dragonpay's public keys could not be fetched: check the API key and the network.";
const notUnderstood = 'Dragonpay answered the request for public keys, but the answer was not understood.';

interface FetchedKeys {
  readonly keys: readonly PublicKey[];
  /** When the fetch began. Dragonpay may have answered it at any time after that. */
  readonly requestedAt: number;
  /** Counts the fetches: the clock may say the same for two of them. */
  readonly fetch: number;
}

/**
 * Dragonpay's keys, fetched from the gateway's keys endpoint and used for an hour.
 *
 * A callback is a forgery only if keys that were requested after its arrival do not verify it: with older keys, it may
 * have been signed after a rotation. If such keys cannot be fetched, the result is `keys-unavailable`, and Dragonpay
 * sends the callback again. Failed proofs may cause five fetches at once, and one per minute after that, so that
 * forgeries cannot cause traffic to Dragonpay.
 *
 * After a failed fetch the last known keys are used, for at most a day. Every age is measured by a clock that only goes
 * forward: a clock that is set back must not keep keys from being fetched.
 */
export class FetchedPublicKeys implements PublicKeySource {
  readonly #fetchKeyList: () => Promise<unknown>;
  readonly #now: () => number;
  #current: FetchedKeys | undefined;
  #fetches = 0;
  #inFlight: Promise<boolean> | undefined;
  #failures = 0;
  #lastFailureAt = Number.NEGATIVE_INFINITY;
  #problem: string | undefined;
  #refetches = mostRefetches;
  #refetchesCountedAt = 0;

  /** @param now milliseconds on a clock that only goes forward; another one is for tests */
  constructor(fetchKeyList: () => Promise<unknown>, now: () => number = () => performance.now()) {
    this.#fetchKeyList = fetchKeyList;
    this.#now = now;
    this.#refetchesCountedAt = now();
  }

  async firstThatVerifies(holds: (key: PublicKey) => boolean): Promise<ProofChecked> {
    const fetchesBefore = this.#fetches;
    let hasFailed = (this.#age() >= hour || this.#current?.keys.length === 0) && !(await this.#fetchOrJoin());
    for (let tried: FetchedKeys | undefined; ; ) {
      const known = this.#age() < day ? this.#current : undefined;
      if (known !== undefined && known !== tried) {
        const found = findKey(known.keys, holds);
        if (found !== undefined) return found;
        if (known.fetch > fetchesBefore && known.keys.length > 0) return mismatch;
        tried = known;
      }
      if (hasFailed)
        return {
          ok: false,
          reason: 'keys-unavailable',
          problem: this.#problem ?? 'too many proofs failed to fetch the keys again at once',
        };
      // A fetch in flight may have been answered before a rotation. Its keys are tried, but do not prove a forgery.
      hasFailed = !(await (this.#inFlight ?? this.#refetch()));
    }
  }

  async settled(): Promise<void> {
    await this.#inFlight;
  }

  #age(): number {
    return this.#current === undefined ? Number.POSITIVE_INFINITY : this.#now() - this.#current.requestedAt;
  }

  /** Fetches because a proof failed, if the budget allows it. Resolves to whether there are new keys. */
  async #refetch(): Promise<boolean> {
    const minutes = Math.floor((this.#now() - this.#refetchesCountedAt) / minute);
    this.#refetchesCountedAt += minutes * minute;
    this.#refetches = Math.min(mostRefetches, this.#refetches + minutes);
    if (this.#refetches === 0 || !this.#mayFetch()) return false;
    this.#refetches--;
    return this.#fetchOrJoin();
  }

  /** Resolves to whether the fetch succeeded. */
  #fetchOrJoin(): Promise<boolean> {
    if (this.#inFlight !== undefined) return this.#inFlight;
    if (!this.#mayFetch()) return Promise.resolve(false);
    this.#inFlight = this.#fetchKeys().finally(() => {
      this.#inFlight = undefined;
    });
    return this.#inFlight;
  }

  /** From the second failure in a row, the next fetch waits 1, 2, 4 and so on up to 60 seconds. */
  #mayFetch(): boolean {
    if (this.#failures < 2) return true;
    return this.#now() - this.#lastFailureAt >= Math.min(minute, 1000 * 2 ** (this.#failures - 2));
  }

  async #fetchKeys(): Promise<boolean> {
    const requestedAt = this.#now();
    const fetch = ++this.#fetches;
    let answer: unknown;
    try {
      answer = await this.#fetchKeyList();
    } catch (error) {
      return this.#fail(error instanceof SyntaxError ? notUnderstood : notFetched);
    }
    let list: KeyList;
    try {
      list = readKeyList(answer);
    } catch {
      return this.#fail(notUnderstood);
    }
    const { active, revoked } = list;
    if (active.length > 0) {
      this.#current = { keys: active, requestedAt, fetch };
      [this.#failures, this.#problem] = [0, undefined];
      return true;
    }
    // A list without a usable key says nothing about known keys that it does not name.
    const kept = (this.#current?.keys ?? []).filter(({ keyId }) => !revoked.has(keyId));
    this.#current = { requestedAt, fetch: 0, ...this.#current, keys: kept };
    return this.#fail('Dragonpay lists no active public key.');
  }

  #fail(problem: string): false {
    this.#problem = problem;
    this.#failures++;
    this.#lastFailureAt = this.#now();
    return false;
  }
}
