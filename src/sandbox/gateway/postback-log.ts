import type { ProofAlgorithm } from '../../protocol/fields.js';
import type { CallbackKind } from '../../protocol/kinds.js';
import type { CallbackFields } from '../../protocol/sign-callback.js';

/**
 * Why a postback was sent: because of a new `status`, as a `copy`, to `contradict` the one before, as a `resend`
 * because the last one was not answered with a 2xx, or `by-hand`.
 */
export type PostbackCause = 'status' | 'copy' | 'contradict' | 'resend' | 'by-hand';

/** The state of a postback: `waiting` for its delay, `sending`, `answered`, `failed` without an answer, or `dropped`. */
export type PostbackState = 'waiting' | 'sending' | 'answered' | 'failed' | 'dropped';

/** The answer of the merchant's server. */
export interface PostbackAnswer {
  readonly status: number;
  readonly contentType: string;
  /** The first 2,000 characters. */
  readonly body: string;
}

/** One delivery of a postback. */
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
  /** The target. Empty if no URL is registered. */
  readonly url: string;
  /** The decoded fields, with their proofs. */
  readonly fields: CallbackFields;
  /** The text that each proof covers. For a digest, `:` and the secret key follow; they are not shown. */
  readonly signedTexts: { readonly [algorithm in ProofAlgorithm]?: string };
  /** When it was sent, or created if it was not sent. */
  readonly at: Date;
  /** How long the answer took, in milliseconds. */
  readonly milliseconds?: number;
  readonly answer?: PostbackAnswer;
  /** Why there is no answer. */
  readonly error?: string;
  /** Whether the answer was a 2xx, which means that the merchant has stored it. */
  readonly acknowledged: boolean;
}

const maximumLength = 500;

/** The last 500 postbacks of the sandbox. */
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
    if (this.#postbacks.size > maximumLength && oldest !== undefined) this.#postbacks.delete(oldest);
    this.changed();
    return added;
  }

  change(postback: Postback, news: Partial<Postback>): Postback {
    const changed = { ...postback, ...news };
    if (this.#postbacks.has(postback.id)) this.#postbacks.set(postback.id, changed);
    this.changed();
    return changed;
  }

  /** Calls a listener after every change. Returns a function that removes the listener. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls the listeners after a change of a postback, a payment or a setting. */
  changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
