import { paymentEffects, payoutEffects } from './effects.js';
import type { CampaignEvent, History, Kind } from './histories.js';

/** The contents of the database after the campaign. */
export interface Evidence {
  readonly rows: ReadonlyArray<{ kind: Kind; id: string; refno: string | null; status: string; reached: string }>;
  readonly effects: ReadonlyArray<{ kind: Kind; id: string; status: string; previous: string; late: boolean }>;
  readonly inbox: ReadonlyArray<InboxEntry>;
}

export interface InboxEntry {
  readonly kind: Kind;
  readonly id: string;
  readonly refno: string;
  readonly status: string;
  readonly outcome: string;
  readonly reasons: readonly string[];
  readonly deliveries: number;
  /** The form as received. */
  readonly raw: string;
}

export const invariants = {
  legal: 'each row moved only as the status machine allows, and its status is the last one it reached',
  verified: 'each reached status comes from a verified event that was sent for that payment',
  implied: 'an event answered 2xx was applied, or arrived when the row could no longer move there',
  order: 'an event sent after the 2xx of another was decided after it',
  told: 'each answer agrees with the stored row',
  doubled: 'no effect ran twice',
  missing: 'each reached status has its effect, for the right move',
  orphan: 'each effect belongs to a reached status',
  inbox: 'each event answered 2xx is in the inbox',
  review: 'contradictory and late events are marked for review in the inbox',
  applied: 'the inbox marks exactly the events that moved the row as applied',
  unsent: 'the inbox contains only events that were sent and verified',
  counted: 'the inbox counts every delivery answered 2xx, and none that was not sent',
  forged: 'no forgery was answered 2xx',
  early: 'no event that came before its row is left when the row is there',
} as const;

export type Invariant = keyof typeof invariants;

export interface Violation {
  readonly invariant: Invariant;
  readonly id: string;
  readonly detail: string;
}

/** The status machine, written a second time without the code under test. */
const followers: Record<Kind, Record<string, string>> = {
  payment: {
    ...{ P: 'SFURKVAE', U: 'SFPRKVAE', A: 'SFPURKVE' },
    ...{ S: 'RK', F: 'S', V: 'S', E: 'S', R: 'K', K: '' },
  },
  payout: { P: 'SFVGH', G: 'SFVPH', H: 'SFVPG', S: '', F: '', V: '' },
};
const effects: Record<Kind, readonly string[]> = { payment: paymentEffects, payout: payoutEffects };

/** Compares the stored data with the sent events and their answers. */
export function check(histories: readonly History[], evidence: Evidence): Violation[] {
  const violations: Violation[] = [];
  const rows = groupBy(evidence.rows);
  const effectsOf = groupBy(evidence.effects);
  const inboxOf = groupBy(evidence.inbox);
  for (const history of histories) {
    const complain = (invariant: Invariant, detail: string) =>
      violations.push({ invariant, id: history.id, detail: `${detail}; ${describe(history)}` });
    const key = `${history.kind} ${history.id}`;
    const [row] = rows.get(key) ?? [];
    if (row === undefined) {
      complain('implied', 'the row is gone');
      continue;
    }
    const story: Story = { history, row, inbox: inboxOf.get(key) ?? [], effects: effectsOf.get(key) ?? [] };
    const unknown = inboxOf.get(`${key}-unknown`) ?? [];
    checkPath(story, complain);
    checkAcknowledged(story, complain);
    checkEffects(story, complain);
    checkInbox(history, [...story.inbox, ...unknown], row, complain);
    for (const { refno, status, outcome } of leftEarly({ rows: [row], inbox: story.inbox })) {
      complain('early', `${refno} ${status} is ${outcome}`);
    }
  }
  return violations;
}

/** The events that came before their row, and that were not applied although the row exists now. */
export function leftEarly({ rows, inbox }: Pick<Evidence, 'rows' | 'inbox'>): readonly InboxEntry[] {
  const made = new Set(rows.map(({ kind, id }) => `${kind} ${id}`));
  return inbox.filter(
    ({ kind, id, outcome, reasons }) =>
      made.has(`${kind} ${id}`) && (outcome === 'not-found' || (outcome === 'failed' && reasons.includes('not-found'))),
  );
}

interface Story {
  readonly history: History;
  readonly row: Evidence['rows'][number];
  readonly inbox: readonly InboxEntry[];
  readonly effects: Evidence['effects'];
}

type Complain = (invariant: Invariant, detail: string) => void;

/** The events that the row must accept, given its refno. */
function believable({ history, row }: Story): CampaignEvent[] {
  return history.events.filter(
    ({ nature, refno }) => (nature === 'true' || nature === 'refno') && (row.refno === null || row.refno === refno),
  );
}

function checkPath(story: Story, complain: Complain): void {
  const { row } = story;
  const path = ['P', ...row.reached];
  if (row.status !== path.at(-1)) complain('legal', `${row.status} is not the last of ${row.reached}`);
  if (new Set(row.reached).size < row.reached.length) complain('legal', `${row.reached} repeats itself`);
  for (const [index, to] of [...row.reached].entries()) {
    const from = path[index] as string;
    const isFirstNews = index === 0 && to === 'P';
    if (!isFirstNews && !followers[row.kind][from]?.includes(to)) complain('legal', `${row.reached} goes ${from}${to}`);
    if (!believable(story).some(({ status, sends }) => status === to && sends > 0)) {
      complain('verified', `${row.reached} has ${to}, which nobody sent`);
    }
  }
}

function checkAcknowledged(story: Story, complain: Complain): void {
  const { row, history } = story;
  const { reached } = row;
  const isFinal = (status: string, index: number) => {
    const state = index === 0 ? 'P' : (reached[index - 1] as string);
    const isFirstNews = index === 0 && status === 'P';
    return reached.slice(0, index).includes(status) || !(isFirstNews || followers[row.kind][state]?.includes(status));
  };
  const events = believable(story);
  for (const event of events) {
    if (event.acknowledged.length === 0) continue;
    const { status, firstSentAt = 0 } = event;
    // If a move was answered before this event was sent, it was decided earlier.
    const earlier = events
      .filter((other) => other.status !== status && reached.includes(other.status))
      .filter((other) =>
        other.acknowledged.some(({ at, outcome }) => at < firstSentAt && movedOutcomes.includes(outcome)),
      )
      .map((other) => reached.indexOf(other.status) + 1);
    const from = Math.max(0, ...earlier);
    const states = Array.from({ length: reached.length + 1 }, (_, index) => index);
    if (reached.includes(status)) {
      const sentBefore = events.some((other) => other.status === status && (other.firstSentAt ?? 0) < firstSentAt);
      if (!sentBefore && reached.indexOf(status) < from) complain('order', `${status} was sent later than ${reached}`);
    } else if (!states.some((index) => isFinal(status, index))) {
      complain('implied', `${status} was answered 2xx, and ${reached} knows nothing of it`);
    } else if (!states.slice(from).some((index) => isFinal(status, index))) {
      complain('order', `${status} was answered 2xx after what came before, and ${reached} could have taken it`);
    }
  }
  for (const event of history.events) {
    const isMoved = reached.includes(event.status) && row.refno === event.refno;
    for (const { outcome } of event.acknowledged) {
      const isEarly = history.madeAfter > 0 && event.nature !== 'forged' && outcome === 'not-found';
      const isPossible = isEarly || possibleOutcomes(event, row).includes(outcome);
      const isTold = isPossible && (isMoved || !movedOutcomes.includes(outcome));
      if (!isTold)
        complain('told', `${event.nature} ${event.status} was answered ${outcome}, and ${reached} is stored`);
    }
  }
  for (const letter of reached) {
    const told = events.filter(({ status }) => status === letter).flatMap(({ acknowledged }) => acknowledged);
    if (told.filter(({ outcome }) => outcome === 'applied').length > 1) {
      complain('told', `${letter} was answered applied more than once`);
    }
  }
}

const movedOutcomes: readonly string[] = ['applied', 'duplicate'];

function possibleOutcomes({ nature, refno }: CampaignEvent, row: Evidence['rows'][number]): readonly string[] {
  if (nature === 'forged') return [];
  if (nature === 'unknown-id') return ['not-found'];
  if (nature === 'unrecognized') return ['unrecognized'];
  if (nature === 'amount' || nature === 'currency' || refno !== row.refno) return ['mismatch'];
  return [...movedOutcomes, 'stale'];
}

function checkEffects({ row, effects: found }: Story, complain: Complain): void {
  for (const letter of new Set(found.map(({ status }) => status))) {
    const count = found.filter(({ status }) => status === letter).length;
    if (count > 1) complain('doubled', `the effect of ${letter} is there ${count} times`);
    if (!row.reached.includes(letter)) complain('orphan', `an effect of ${letter}, and ${row.reached} has none`);
  }
  for (const [index, letter] of [...row.reached].entries()) {
    if (!effects[row.kind].includes(letter)) continue;
    const previous = index === 0 ? 'P' : row.reached[index - 1];
    const late = row.kind === 'payment' && letter === 'S' && 'FVE'.includes(previous as string);
    if (!found.some((effect) => effect.status === letter && effect.previous === previous && effect.late === late)) {
      complain('missing', `no effect of ${previous}${letter}${late ? ', late' : ''}`);
    }
  }
}

function checkInbox(
  { events, amount, madeAfter }: History,
  inbox: readonly InboxEntry[],
  row: Evidence['rows'][number],
  complain: Complain,
): void {
  const genuine = events.filter(({ nature }) => nature !== 'forged');
  for (const entry of inbox) {
    const sent = genuine.filter((event) => isOf(event, entry));
    const sends = sum(sent.map((event) => event.sends));
    const answered = sum(sent.map((event) => event.acknowledged.length));
    const name = `${entry.refno} ${entry.status}`;
    if (sends === 0) complain('unsent', `the inbox has ${name}`);
    // Catching up with an event counts as a delivery of it.
    if (entry.deliveries < answered || (entry.deliveries > sends && madeAfter === 0)) {
      complain('counted', `${name} was sent ${sends} times, answered ${answered} times, counted ${entry.deliveries}`);
    }
    const isRight = [null, amount].includes(amountOf(entry.raw));
    const isMoved = isRight && entry.id === row.id && entry.refno === row.refno && row.reached.includes(entry.status);
    if ((entry.outcome === 'applied') !== isMoved) complain('applied', `${name} is ${entry.outcome}`);
    const index = row.reached.indexOf(entry.status);
    const isLate = row.kind === 'payment' && entry.status === 'S' && /[FVE]/.test(row.reached[index - 1] ?? '');
    if (isMoved && isLate !== entry.reasons.includes('late')) complain('review', `${name}: ${entry.reasons}`);
  }
  for (const event of events) {
    if (event.nature === 'forged') {
      if (event.acknowledged.length > 0) complain('forged', `${event.status} was answered 2xx`);
      continue;
    }
    if (event.acknowledged.length === 0) continue;
    const entry = inbox.find((entry) => isOf(event, entry));
    if (entry === undefined) {
      complain('inbox', `${event.nature} ${event.status} was answered 2xx and is not there`);
      continue;
    }
    for (const reason of expectedReasons(event, row)) {
      if (!entry.reasons.includes(reason)) complain('review', `${event.status} lacks ${reason}: ${entry.reasons}`);
    }
  }
}

/** The reasons for review that an event must leave in any case. */
function expectedReasons(
  { nature, refno, acknowledged }: CampaignEvent,
  row: Evidence['rows'][number],
): readonly string[] {
  switch (nature) {
    case 'amount':
      return [nature];
    case 'currency':
      // Before the row existed, there was nothing to compare. Later, the event may have been applied by a delivery with
      // the right currency, which the proof does not cover.
      return acknowledged.every(({ outcome }) => outcome === 'not-found') ? ['not-found'] : [nature];
    case 'refno':
    case 'true':
      if (row.refno !== null && row.refno !== refno) return ['refno'];
      return acknowledged.some(({ outcome }) => outcome === 'stale') ? ['stale'] : [];
    case 'unknown-id':
      return ['not-found'];
    case 'unrecognized':
      return ['unrecognized'];
    case 'forged':
      return [];
  }
}

/** Callbacks that differ in the amount, which their proof covers, are different events. */
function isOf(event: CampaignEvent, entry: InboxEntry): boolean {
  const isSame = event.id === entry.id && event.refno === entry.refno && event.status === entry.status;
  return isSame && amountOf(event.form) === amountOf(entry.raw);
}

function amountOf(form: string): string | null {
  return new URLSearchParams(form).get('amount');
}

function describe({ kind, events }: History): string {
  const told = events.map(
    ({ nature, status, acknowledged, sends }) =>
      `${nature} ${status} x${sends} -> ${acknowledged.map(({ outcome }) => outcome).join('/') || 'nothing'}`,
  );
  return `${kind}: ${told.join(', ')}`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function groupBy<Item extends { kind: string; id: string }>(items: readonly Item[]): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = `${item.kind} ${item.id}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
