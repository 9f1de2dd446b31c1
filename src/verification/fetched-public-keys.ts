import { type KeysUnavailable, mismatch, type ProofChecked } from './proof-verifier.js';
import type { PublicKey, PublicKeySource, PublicKeysStatus } from './public-keys.js';
import { type KeyList, readKeyList } from './read-key-list.js';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** The budget of fetches because of proofs that fail: this many at once, and then one a minute. */
const refetchesAtOnce = 5;

/**
 * The maximum number of keys that are kept although they are no longer listed: a proof that fails is checked with each
 * of them. Keys that are listed as revoked are all kept, because the length of the list is limited.
 */
const mostUnlistedKeys = 8;

interface FetchedKeys {
  readonly keys: readonly PublicKey[];
  /** Keys that were revoked, or are no longer listed. They verify nothing. */
  readonly former: readonly PublicKey[];
  /** The number of the fetch that brought the keys. */
  readonly fetch: number;
  readonly fetchedAt: number;
}

/**
 * Dragonpay's keys, from the gateway's keys endpoint.
 *
 * Keys are used for an hour. If they cannot be renewed, they are used for a day at most. If a proof fails, it is
 * forged, or Dragonpay has a new key. Only keys from a fetch that began after the callback arrived can tell the two
 * apart.
 * Without keys from a fetch of this kind, the result is `keys-unavailable`, so that no genuine callback is refused
 * because of a rotation, an outage, or a fetch that an earlier forgery caused. Forgeries must not drive traffic to
 * Dragonpay, so such fetches have a budget. It allows several at once, so that a rotation is noticed in seconds.
 *
 * A fetch that brings no usable key does not replace the known ones, except those that it lists as revoked.
 */
export class FetchedPublicKeys implements PublicKeySource {
  readonly #fetchKeyList: () => Promise<string>;
  readonly #onFailure: (problem: string) => void;
  readonly #now: () => number;
  #current: FetchedKeys = { keys: [], former: [], fetch: 0, fetchedAt: Number.NEGATIVE_INFINITY };
  #inFlight: Promise<string | undefined> | undefined;
  #fetches = 0;
  /** The last failure, and the number of failures in a row. */
  #failure: { readonly at: number; readonly problem: string; readonly count: number } | undefined;
  #budget = refetchesAtOnce;
  #budgetAt: number;

  /**
   * @param fetchKeyList resolves to the answer of the keys endpoint. The message of its error is for the merchant's log.
   * @param onFailure called when a fetch failed, with the reason
   * @param now milliseconds on a clock that never goes back. Default: `performance.now`
   */
  constructor(
    fetchKeyList: () => Promise<string>,
    onFailure: (problem: string) => void = () => {},
    now: () => number = () => performance.now(),
  ) {
    this.#fetchKeyList = fetchKeyList;
    this.#onFailure = onFailure;
    this.#now = now;
    this.#budgetAt = now();
  }

  async firstThatVerifies(holds: (key: PublicKey) => boolean): Promise<ProofChecked> {
    const fetchesBefore = this.#fetches;
    let problem = this.#isDue() ? await this.#renew() : undefined;
    for (;;) {
      const found = this.#usable().find(holds);
      if (found !== undefined) return { ok: true, keyId: found.keyId };
      if (problem !== undefined) return unavailable(problem);
      if (this.#current.fetch > fetchesBefore) return judge(this.#current, holds);
      problem = await this.#refetch();
    }
  }

  async settled(): Promise<void> {
    while (this.#inFlight !== undefined) await this.#inFlight;
  }

  status(): PublicKeysStatus {
    return {
      usable: this.#usable().length > 0,
      fresh: !this.#isDue(),
      problem: this.#failure?.problem,
    };
  }

  #isDue(): boolean {
    return this.#age() >= hour || this.#current.keys.length === 0;
  }

  #usable(): readonly PublicKey[] {
    return this.#age() < day ? this.#current.keys : [];
  }

  #age(): number {
    return this.#now() - this.#current.fetchedAt;
  }

  /** Renews keys because a proof fails, as far as the budget allows. Resolves to the problem, if there is one. */
  async #refetch(): Promise<string | undefined> {
    if (this.#inFlight !== undefined || this.#isBackingOff()) return this.#renew();
    const now = this.#now();
    const gained = Math.floor((now - this.#budgetAt) / minute);
    this.#budget = Math.min(refetchesAtOnce, this.#budget + gained);
    this.#budgetAt = this.#budget === refetchesAtOnce ? now : this.#budgetAt + gained * minute;
    if (this.#budget === 0) {
      return 'a proof failed with public keys that were fetched before the callback arrived; newer ones are fetched once a minute';
    }
    this.#budget--;
    return this.#renew();
  }

  /** Fetches, or joins the fetch in flight. Resolves to the problem, if there is one. */
  async #renew(): Promise<string | undefined> {
    if (this.#isBackingOff()) return this.#failure?.problem;
    this.#inFlight ??= this.#fetch().finally(() => {
      this.#inFlight = undefined;
    });
    return this.#inFlight;
  }

  /**
   * After two failures in a row, the next fetch waits a second. This time doubles with each failure, up to a minute.
   */
  #isBackingOff(): boolean {
    if (this.#failure === undefined || this.#failure.count < 2) return false;
    const wait = Math.min(minute, 1000 * 2 ** (this.#failure.count - 2));
    return this.#now() - this.#failure.at < wait;
  }

  async #fetch(): Promise<string | undefined> {
    const fetch = ++this.#fetches;
    try {
      const list = readKeyList(await this.#fetchKeyList());
      const known = this.#current;
      const former = formerKeys(list, known);
      if (list.active.length > 0) {
        this.#current = { keys: list.active, former, fetch, fetchedAt: this.#now() };
        this.#failure = undefined;
        return undefined;
      }
      this.#current = { ...known, keys: known.keys.filter((key) => !includes(list.revoked, key)), former };
      return this.#fail('the keys endpoint was reached, but it lists no usable key with the status Active');
    } catch (error) {
      return this.#fail(error instanceof Error ? error.message : 'the public keys could not be fetched');
    }
  }

  #fail(problem: string): string {
    this.#onFailure(problem);
    this.#failure = { at: this.#now(), problem, count: (this.#failure?.count ?? 0) + 1 };
    return problem;
  }
}

/**
 * The verdict on a proof that no current key verifies. If a former key made it, perhaps before it was revoked, the
 * result is `keys-unavailable`: Dragonpay then sends the callback again, with a proof by a new key.
 */
function judge({ former }: FetchedKeys, holds: (key: PublicKey) => boolean): ProofChecked {
  if (!former.some(holds)) return mismatch;
  return unavailable('the callback was signed with a key that Dragonpay has revoked since');
}

function unavailable(problem: string): KeysUnavailable {
  return { ok: false, reason: 'keys-unavailable', problem };
}

function formerKeys({ active, revoked }: KeyList, known: FetchedKeys): readonly PublicKey[] {
  const unlisted = [...known.keys, ...known.former].filter((key) => !includes([...active, ...revoked], key));
  return [...withoutCopies(revoked), ...withoutCopies(unlisted).slice(0, mostUnlistedKeys)];
}

function withoutCopies(keys: readonly PublicKey[]): readonly PublicKey[] {
  return keys.filter((key, index) => !includes(keys.slice(0, index), key));
}

function includes(keys: readonly PublicKey[], { keyId }: PublicKey): boolean {
  return keys.some((key) => key.keyId === keyId);
}
