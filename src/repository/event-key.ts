import { DragonpayError } from '../errors.js';
import { isFingerprint, unknownFingerprint } from '../model/fingerprint.js';
import type { EventKey } from '../model/rows.js';

/** The key of an event as one string, such as `payment:T-1:ABCD1234:S`. None of its parts contains a `:`. */
export function toEventKey({ kind, id, refno, status, fingerprint }: EventKey, correction = 0): string {
  const key = `${kind}:${id}:${refno}:${status}`;
  if (correction > 0) return `${key}:${correction}`;
  return fingerprint === undefined || fingerprint === unknownFingerprint ? key : `${key}:${fingerprint}`;
}

/** @throws DragonpayError `no-such-event` for a text that is not a key */
export function fromEventKey(key: string): EventKey {
  const [kind, id = '', refno = '', status = '', fingerprint, ...rest] = typeof key === 'string' ? key.split(':') : [];
  const isKind = kind === 'payment' || kind === 'payout';
  const isWhole = fingerprint === undefined || isFingerprint(fingerprint);
  if (!isKind || id === '' || status === '' || !isWhole || rest.length > 0) {
    throw new DragonpayError('no-such-event', 'the key must be that of an event, such as payment:T-1:ABCD1234:S');
  }
  return { kind, id, refno, status, fingerprint };
}
