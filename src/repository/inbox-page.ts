import { types } from 'node:util';
import { invalidSetting } from '../errors.js';
import type { InboxEvent, KeptOutcome, ReviewReason } from '../model/rows.js';
import type { CallbackKind } from '../protocol/kinds.js';
import { checkNames, type NamesOf } from '../protocol/nearest-name.js';

/** Which events of the inbox to read. The events must match every condition that is given. */
export interface InboxFilter {
  /** Events of this payment. */
  readonly txnid?: string;
  /** Events of this payout. */
  readonly merchantTxnId?: string;
  readonly outcome?: KeptOutcome;
  /** Events with this reason for a review. */
  readonly reason?: ReviewReason;
  /** Events that were first seen at this time or later. */
  readonly since?: Date;
  /** The maximum number of events, 1 to 10,000. Default: 100. */
  readonly limit?: number;
  /** The `cursor` of the last event of the page before: reading continues after it. */
  readonly after?: string;
}

export const defaultInboxLimit = 100;
const maximumInboxLimit = 10_000;

const outcomes: Readonly<Record<KeptOutcome, true>> = {
  applied: true,
  duplicate: true,
  stale: true,
  mismatch: true,
  'not-found': true,
  unrecognized: true,
  failed: true,
};

const reasons: Readonly<Record<ReviewReason, true>> = {
  amount: true,
  currency: true,
  refno: true,
  late: true,
  stale: true,
  'not-found': true,
  unrecognized: true,
  corrected: true,
};

/** All reasons, in the order in which an event lists its own. */
export const allReasons = Object.keys(reasons) as readonly ReviewReason[];

const knownConditions: NamesOf<InboxFilter> = {
  txnid: true,
  merchantTxnId: true,
  outcome: true,
  reason: true,
  since: true,
  limit: true,
  after: true,
};

/** @throws DragonpayError `invalid-setting` that names the condition */
export function checkInboxFilter(filter: InboxFilter): void {
  checkNames(filter, knownConditions, 'filter');
  const { txnid, merchantTxnId, outcome, reason, since, limit, after } = filter;
  checkText('txnid', txnid);
  checkText('merchantTxnId', merchantTxnId);
  if (txnid !== undefined && merchantTxnId !== undefined) {
    throw invalidSetting('merchantTxnId', 'cannot be given together with txnid');
  }
  if (outcome !== undefined && !(typeof outcome === 'string' && Object.hasOwn(outcomes, outcome))) {
    throw invalidSetting('outcome', `must be one of ${Object.keys(outcomes).join(', ')}`);
  }
  if (reason !== undefined && !(typeof reason === 'string' && Object.hasOwn(reasons, reason))) {
    throw invalidSetting('reason', `must be one of ${Object.keys(reasons).join(', ')}`);
  }
  if (since !== undefined) checkDate('since', since);
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1 && limit <= maximumInboxLimit)) {
    throw invalidSetting('limit', 'must be an integer from 1 to 10,000');
  }
  if (after !== undefined) fromCursor(after);
}

function checkText(name: string, value: unknown): void {
  if (value === undefined) return;
  if (typeof value !== 'string' || value.includes('\0')) throw invalidSetting(name, 'must be a string without NUL');
}

/** Dates that every database can compare: years 1 to 9999. @throws DragonpayError `invalid-setting` */
export function checkDate(name: string, value: Date): void {
  const year = types.isDate(value) ? value.getUTCFullYear() : Number.NaN;
  if (!(year >= 1 && year <= 9999)) throw invalidSetting(name, 'must be a valid Date in the years 1 to 9999');
}

/** The position of an event in the order of the inbox. No part contains a `:`, which separates them in a cursor. */
export interface InboxPosition {
  /** When it was first seen, in microseconds since 1970. */
  readonly firstSeen: string;
  readonly id: string;
  readonly kind: CallbackKind;
  readonly refno: string;
  readonly status: string;
  /** The number of a correction by hand. 0: the event came from Dragonpay. */
  readonly correction: number;
  readonly fingerprint: string;
}

export function toCursor({
  firstSeen,
  id,
  kind,
  refno,
  status,
  correction,
  fingerprint,
}: InboxPosition): InboxEvent['cursor'] {
  return [firstSeen, id, kind, refno, status, correction, fingerprint].join(':');
}

/** Sorts after every fingerprint. Used for cursors of earlier versions, which have no fingerprint. */
const afterFingerprints = '~';

/** @throws DragonpayError `invalid-setting` for a string that is not a cursor */
export function fromCursor(cursor: string): InboxPosition {
  const parts = typeof cursor === 'string' && !cursor.includes('\0') ? cursor.split(':') : [];
  const [firstSeen = '', id = '', kind = '', refno = '', status = '', correction = '0', ...others] = parts;
  const [fingerprint = afterFingerprints, ...rest] = others;
  if (!/^\d{1,17}$/.test(firstSeen) || !isCorrection(correction) || status === '' || rest.length > 0) {
    throw invalidSetting('after', 'must be the cursor of an event');
  }
  return { firstSeen, id, kind: kind as CallbackKind, refno, status, correction: Number(correction), fingerprint };
}

function isCorrection(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) < 32_768;
}

/** Compares two cursors in the order of the inbox. */
export function compareInInbox(one: string, other: string): number {
  const [left, right] = [fromCursor(one), fromCursor(other)];
  if (left.firstSeen !== right.firstSeen) return Number(left.firstSeen) - Number(right.firstSeen);
  for (const part of ['id', 'kind', 'refno', 'status'] as const) {
    if (left[part] !== right[part]) return left[part] < right[part] ? -1 : 1;
  }
  if (left.correction !== right.correction) return left.correction - right.correction;
  return left.fingerprint < right.fingerprint ? -1 : Number(left.fingerprint > right.fingerprint);
}
