import type { InboxEvent, KeptOutcome, ReviewReason } from '../model/rows.js';
import type { CallbackKind } from '../protocol/kinds.js';

/** Which events of the inbox to read, the oldest first. What is not given does not matter. */
export interface InboxFilter {
  /** Events of this payment. */
  readonly txnid?: string;
  /** Events of this payout. */
  readonly merchantTxnId?: string;
  readonly outcome?: KeptOutcome;
  /** Events with this reason for a second look. */
  readonly reason?: ReviewReason;
  /** Events first seen at this time or later. */
  readonly since?: Date;
  /** At most so many; 100 when not given. */
  readonly limit?: number;
  /** The `cursor` of the last event that was read: goes on after it. */
  readonly after?: string;
}

export const defaultInboxLimit = 100;

/** Where an event stands in the order of the inbox. None of the parts holds a `:`. */
export interface InboxPosition {
  /** When it was first seen, in microseconds since 1970. */
  readonly firstSeen: string;
  readonly id: string;
  readonly kind: CallbackKind;
  readonly refno: string;
  readonly status: string;
  /** The number of a correction by hand; 0 for what Dragonpay said. */
  readonly correction: number;
}

export function toCursor({ firstSeen, id, kind, refno, status, correction }: InboxPosition): InboxEvent['cursor'] {
  return [firstSeen, id, kind, refno, status, ...(correction > 0 ? [correction] : [])].join(':');
}

/** @throws RangeError for what is no cursor */
export function fromCursor(cursor: string): InboxPosition {
  const [firstSeen = '', id = '', kind = '', refno = '', status = '', correction = '0', ...rest] = cursor.split(':');
  if (!/^\d+$/.test(firstSeen) || !/^\d{1,5}$/.test(correction) || status === '' || rest.length > 0)
    throw new RangeError('after is no cursor');
  return { firstSeen, id, kind: kind as CallbackKind, refno, status, correction: Number(correction) };
}

/** Orders two cursors as the inbox is ordered. @throws RangeError for what is no cursor */
export function compareInInbox(one: string, other: string): number {
  const [left, right] = [fromCursor(one), fromCursor(other)];
  if (left.firstSeen !== right.firstSeen) return Number(left.firstSeen) - Number(right.firstSeen);
  for (const part of ['id', 'kind', 'refno', 'status'] as const) {
    if (left[part] !== right[part]) return left[part] < right[part] ? -1 : 1;
  }
  return left.correction - right.correction;
}
