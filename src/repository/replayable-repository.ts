import { DragonpayError } from '../errors.js';
import type { CallbackKind } from '../preprocessing/transaction-status.js';
import type { VerifiedCallback } from '../verification/verified-callback.js';
import type { InboxEvent } from './rows.js';

/** What names an event of the inbox. */
export interface EventKey {
  readonly kind: CallbackKind;
  readonly id: string;
  readonly refno: string;
  readonly status: string;
}

/** An event as the inbox holds it, with its proofs: for `replay()` and nobody else. */
export type KeptEvent = Pick<InboxEvent, 'kind' | 'proof' | 'keyId' | 'method'> & { readonly raw: string };

/** What `replay()` needs of a repository beside the port. */
export interface ReplayableRepository {
  /** The event with this key; no correction is one. */
  findEvent(key: EventKey): Promise<KeptEvent | undefined>;
  /** Notes an event that was rolled back because its `@OnStatus` method failed: the outcome `failed`, until it succeeds. */
  recordFailure(callback: VerifiedCallback): Promise<void>;
}

/** Whether events of a repository can be replayed. */
export function isReplayable(repository: object): repository is ReplayableRepository {
  return ['findEvent', 'recordFailure'].every((method) => typeof Reflect.get(repository, method) === 'function');
}

/** The key of an event as one string, such as `payment:T-1:ABCD1234:S`. None of its parts holds a `:`. */
export function toEventKey({ kind, id, refno, status }: EventKey, correction = 0): string {
  const key = `${kind}:${id}:${refno}:${status}`;
  return correction > 0 ? `${key}:${correction}` : key;
}

/** @throws DragonpayError `no-such-event` for what is no key */
export function fromEventKey(key: string): EventKey {
  const [kind, id = '', refno = '', status = '', ...rest] = key.split(':');
  if ((kind !== 'payment' && kind !== 'payout') || id === '' || status === '' || rest.length > 0) {
    throw new DragonpayError('no-such-event', 'this is no key of an event, such as payment:T-1:ABCD1234:S');
  }
  return { kind, id, refno, status };
}
