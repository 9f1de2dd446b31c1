import type { CallbackKind } from '../../protocol/kinds.js';
import type { CallbackFields } from '../../protocol/sign-callback.js';
import type { ProofAlgorithm } from '../../protocol/signed-text.js';

/**
 * Why a postback was sent: its payment got a `status`; as a `copy` of one; to `contradict` one; as a `resend`, since
 * one was not answered with a 2xx; or `by-hand`, again.
 */
export type PostbackCause = 'status' | 'copy' | 'contradict' | 'resend' | 'by-hand';

/**
 * What became of it: it is `waiting` for its delay, being `sending`, was `answered`, `failed` without an answer, or was
 * `dropped`.
 */
export type PostbackState = 'waiting' | 'sending' | 'answered' | 'failed' | 'dropped';

/** What the merchant's server said. */
export interface PostbackAnswer {
  readonly status: number;
  readonly contentType: string;
  /** The first 2,000 characters. */
  readonly body: string;
}

/** One delivery, as it stands at the moment. */
export interface Postback {
  /** Counts from 1. */
  readonly id: number;
  readonly kind: CallbackKind;
  /** The `txnid` of a payment, the `merchantTxnId` of a payout. */
  readonly subject: string;
  readonly status: string;
  readonly cause: PostbackCause;
  readonly state: PostbackState;
  readonly method: 'POST' | 'GET';
  /** Where it goes; empty where no URL is registered. */
  readonly url: string;
  /** As on the wire, decoded, with their proofs. */
  readonly fields: CallbackFields;
  /** The text that each proof covers. A digest is of its text, `:` and the secret key, which is not shown. */
  readonly signedTexts: { readonly [algorithm in ProofAlgorithm]?: string };
  /** When it was made, or sent. */
  readonly at: Date;
  /** How long the answer took. */
  readonly milliseconds?: number;
  readonly answer?: PostbackAnswer;
  /** Why there is no answer. */
  readonly error?: string;
  /** Whether the answer was a 2xx: the merchant has stored it. */
  readonly acknowledged: boolean;
}

const longestLog = 500;

/** The postbacks of this sandbox, the last 500 of them. */
export class PostbackLog {
  readonly #postbacks = new Map<number, Postback>();
  readonly #listeners = new Set<() => void>();
  #count = 0;

  /** Newest first. */
  list(): readonly Postback[] {
    return [...this.#postbacks.values()].reverse();
  }

  find(id: number): Postback | undefined {
    return this.#postbacks.get(id);
  }

  add(postback: Omit<Postback, 'id' | 'at' | 'acknowledged'>): Postback {
    const added = { ...postback, id: ++this.#count, at: new Date(), acknowledged: false };
    this.#postbacks.set(added.id, added);
    const [oldest] = this.#postbacks.keys();
    if (this.#postbacks.size > longestLog && oldest !== undefined) this.#postbacks.delete(oldest);
    this.changed();
    return added;
  }

  change(postback: Postback, news: Partial<Postback>): Postback {
    const changed = { ...postback, ...news };
    if (this.#postbacks.has(postback.id)) this.#postbacks.set(postback.id, changed);
    this.changed();
    return changed;
  }

  /** Calls a listener after every change. Answers with the function that ends this. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells the listeners that something is new: here, or of a payment. */
  changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
