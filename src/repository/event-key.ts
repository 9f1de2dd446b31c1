import { DragonpayError } from '../errors.js';
import type { EventKey } from '../model/rows.js';

/** The key of an event as one string, such as `payment:T-1:ABCD1234:S`. None of its parts contains a `:`. */
export function toEventKey({ kind, id, refno, status }: EventKey, correction = 0): string {
  const key = `${kind}:${id}:${refno}:${status}`;
  return correction > 0 ? `${key}:${correction}` : key;
}

/** @throws DragonpayError `no-such-event` for a string that is not a key */
export function fromEventKey(key: string): EventKey {
  const [kind, id = '', refno = '', status = '', ...rest] = key.split(':');
  if ((kind !== 'payment' && kind !== 'payout') || id === '' || status === '' || rest.length > 0) {
    throw new DragonpayError('no-such-event', 'the key must be that of an event, such as payment:T-1:ABCD1234:S');
  }
  return { kind, id, refno, status };
}
