import { type CallbackFields, encodeCallback, signCallback } from '../../src/protocol/sign-callback.js';
import type { Random } from './random.js';

/** The secrets that the campaign's gateway shares with the applications. */
export const secrets = {
  merchantId: 'FAULTS',
  hmac: 'hmac secret of the campaign',
  sha1: 'sha1 secret of the campaign',
};

export type Kind = 'payment' | 'payout';

/** The defect of an event, as the merchant sees it. A `true` event has none. */
export type Nature = 'true' | 'amount' | 'currency' | 'refno' | 'unknown-id' | 'unrecognized' | 'forged';

/** An event of a payment, genuine or not, and its deliveries. */
export interface CampaignEvent {
  readonly kind: Kind;
  readonly id: string;
  readonly refno: string;
  readonly status: string;
  readonly nature: Nature;
  /** The encoded fields with their proofs. */
  readonly form: string;
  /** One entry per delivery. Each is repeated until it is answered 2xx. */
  readonly deliveries: ReadonlyArray<{ readonly method: 'GET' | 'POST'; readonly delay: number }>;
  /** Whether the gateway waits for the deliveries of this event before it sends the next event. */
  readonly isWaitedFor: boolean;
  /** The time of the first delivery. The sender fills in this and the following properties. */
  firstSentAt?: number;
  sends: number;
  readonly acknowledged: Array<{ readonly at: number; readonly outcome: string }>;
  /** Abandoned deliveries. */
  givenUp: number;
}

/** A payment or payout with all its events. */
export interface History {
  readonly kind: Kind;
  readonly id: string;
  readonly amount: string;
  readonly currency: string;
  readonly events: readonly CampaignEvent[];
  /** The time when the row is made, in milliseconds after the first event. 0: before the first event. */
  readonly madeAfter: number;
}

const paymentStories = [
  ...['S', 'S', 'F', 'PS', 'PS', 'PF', 'PV', 'E', 'A', 'PAS'],
  ...['SR', 'SK', 'SRK', 'PSRK', 'PSK'],
  ...['FS', 'VS', 'ES', 'PFS', 'PES', 'FSRK'],
  ...['SF', 'SP', 'SV', 'SFS', 'KS', 'RS', 'FV', 'PSPS', 'SPFVE', 'FSF'],
  ...['UPAS', 'PUPAPUS', 'AUAUF', 'PSFVERKUA'],
];
const payoutStories = ['S', 'PS', 'PGS', 'GHS', 'PF', 'GV', 'SF', 'FS', 'PGHPGHS', 'VS', 'HGPF', 'SP'];
const paymentLetters = 'SFPURKVAE';

/** Generates a random history. `copies` multiplies the repetitions of its callbacks. */
export function makeHistory(id: string, random: Random, copies = 1): History {
  const kind: Kind = random.chance(0.2) ? 'payout' : 'payment';
  const base = {
    kind,
    id,
    refno: `R${id}`,
    amount: `${1 + random.below(99_999)}.${String(random.below(100)).padStart(2, '0')}`,
    currency: random.chance(0.8) ? 'PHP' : 'USD',
  };
  const letters = random.chance(0.15)
    ? Array.from({ length: 1 + random.below(6) }, () =>
        random.pick([...(kind === 'payment' ? paymentLetters : 'SFPVGH')]),
      )
    : [...random.pick(kind === 'payment' ? paymentStories : payoutStories)];
  const told = random.chance(0.25) ? random.shuffled(letters) : letters;
  const events = told.map((status) => makeEvent(base, status, 'true', random, copies));
  for (const [nature, probability] of Object.entries(disturbances) as Array<[Nature, number]>) {
    if (!random.chance(probability)) continue;
    const status = nature === 'unrecognized' ? random.pick(['D', 's', '1']) : random.pick(['S', 'F', 'P']);
    if (status === '1' || (kind === 'payout' && nature !== 'forged' && nature !== 'unrecognized')) continue;
    events.splice(random.below(events.length + 1), 0, makeEvent(base, status, nature, random, copies));
  }
  const madeAfter = random.chance(0.15) ? random.between(1, 2_500) : 0;
  return { kind, id, amount: base.amount, currency: base.currency, events, madeAfter };
}

const disturbances: Partial<Record<Nature, number>> = {
  amount: 0.06,
  currency: 0.04,
  refno: 0.06,
  'unknown-id': 0.03,
  unrecognized: 0.04,
  forged: 0.1,
};

interface Base {
  readonly kind: Kind;
  readonly id: string;
  readonly refno: string;
  readonly amount: string;
  readonly currency: string;
}

function makeEvent(base: Base, status: string, nature: Nature, random: Random, copies: number): CampaignEvent {
  const id = nature === 'unknown-id' ? `${base.id}-unknown` : base.id;
  const refno = { refno: `X${base.refno}`, forged: `Z${base.refno}` }[nature as string] ?? base.refno;
  const deliveries = Array.from({ length: 1 + Math.floor(random.next() ** 3 * 6 * copies) }, () => ({
    method: random.chance(0.25) ? ('GET' as const) : ('POST' as const),
    delay: random.chance(0.1) ? random.between(500, 2_500) : random.between(0, 60),
  }));
  const form = formOf({ ...base, id, refno }, status, nature);
  const isWaitedFor = random.chance(0.6);
  return {
    ...{ kind: base.kind, id, refno, status, nature, form, deliveries, isWaitedFor },
    ...{ sends: 0, acknowledged: [], givenUp: 0 },
  };
}

function formOf(base: Base, status: string, nature: Nature): string {
  const { kind, id, refno, amount, currency } = base;
  const fields: CallbackFields =
    kind === 'payment'
      ? {
          ...{ txnid: id, refno, status, message: '[000] BDO Ref#: 1234', merchantid: secrets.merchantId },
          amount: nature === 'amount' ? `9${amount}` : amount,
          ccy: nature === 'currency' ? 'CAD' : currency,
        }
      : { merchantTxnId: id, refno, status, message: 'Paid out' };
  const keys = kind === 'payment' ? { hmac: { key: secrets.hmac } } : { sha1: { secretKey: secrets.sha1 } };
  const signed = signCallback(fields, keys, { merchantId: secrets.merchantId });
  if (nature !== 'forged') return encodeCallback(signed);
  // The forger reuses a valid proof of another event.
  const other = signCallback({ ...fields, message: 'something else' }, keys, { merchantId: secrets.merchantId });
  const proof = kind === 'payment' ? { signature: other.signature ?? '' } : { digest: other.digest ?? '' };
  return encodeCallback({ ...signed, ...proof });
}
