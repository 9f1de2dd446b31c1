import { invalidSetting } from '../../errors.js';
import { amountShape, statusShape } from '../../protocol/field-shapes.js';
import { withTwoDecimals } from '../../protocol/read-amount.js';

/** How the sandbox departs from correct behaviour. An option that is not set behaves correctly. */
export interface Misbehaviour {
  /** How many times each postback is sent, at the same time: 1 to 10. */
  readonly copies?: number;
  /** The delay of a postback, in milliseconds. */
  readonly delayMilliseconds?: number;
  /** The payer's browser returns first. The postback is sent after the delay, or after two seconds. */
  readonly returnFirst?: boolean;
  /** Postbacks are only logged. They can be sent from the log. */
  readonly drop?: boolean;
  /** After a postback with a final status, another validly signed postback claims this status. */
  readonly contradict?: string;
  /** A wrong amount in callbacks of payments, as a decimal string. Inquiries return the right one. */
  readonly amount?: string;
  /** The RSA signature is made with a key that is listed as Revoked. */
  readonly revokedKey?: boolean;
  /** The delay of answers of the gateway's API, in milliseconds. */
  readonly answerMilliseconds?: number;
  /** The maximum number of resends of a postback, until one is answered with a 2xx: 0 to 20. */
  readonly resends?: number;
  /** The delay before each resend, in milliseconds. Default: 1,000. */
  readonly resendMilliseconds?: number;
}

/** The delay of a postback with `returnFirst`, if `delayMilliseconds` is not set, in milliseconds. */
export const returnFirstDelay = 2_000;

/** The misbehaviour for all payments and payouts, and for single ones. */
export class Misbehaviours {
  #all: Misbehaviour = {};
  readonly #single = new Map<string, Misbehaviour>();

  /** Replaces the misbehaviour for everything, or for one id. An empty object means correct behaviour. */
  set(misbehaviour: Misbehaviour, id?: string): void {
    const checked = checkMisbehaviour(misbehaviour);
    if (id === undefined) this.#all = checked;
    else if (Object.keys(checked).length === 0) this.#single.delete(id);
    else this.#single.set(id, checked);
  }

  /** The misbehaviour that was set for everything, or for one id only. */
  get(id?: string): Misbehaviour {
    return id === undefined ? this.#all : (this.#single.get(id) ?? {});
  }

  /** The misbehaviour that applies to an id. Its own options override the options for everything. */
  of(id: string): Misbehaviour {
    return { ...this.#all, ...this.#single.get(id) };
  }

  /** The ids with a misbehaviour of their own. */
  ids(): readonly string[] {
    return [...this.#single.keys()];
  }
}

const day = 86_400_000;

type Check = (value: unknown) => boolean;
const between =
  (least: number, most: number): Check =>
  (value) =>
    Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
const isFlag: Check = (value) => typeof value === 'boolean';

const checks: Readonly<Record<keyof Misbehaviour, readonly [Check, string]>> = {
  copies: [between(1, 10), 'must be an integer from 1 to 10'],
  delayMilliseconds: [between(0, day), 'must be an integer from 0 to 86400000 (a day in milliseconds)'],
  returnFirst: [isFlag, 'must be true or false'],
  drop: [isFlag, 'must be true or false'],
  contradict: [(value) => statusShape.holds(value), 'must be one upper-case letter'],
  amount: [(value) => value !== '' && amountShape.holds(value), 'must be a decimal string such as "1.00"'],
  revokedKey: [isFlag, 'must be true or false'],
  answerMilliseconds: [between(0, day), 'must be an integer from 0 to 86400000 (a day in milliseconds)'],
  resends: [between(0, 20), 'must be an integer from 0 to 20'],
  resendMilliseconds: [between(0, day), 'must be an integer from 0 to 86400000 (a day in milliseconds)'],
};

/** @throws DragonpayError `invalid-setting` */
function checkMisbehaviour(misbehaviour: unknown): Misbehaviour {
  if (typeof misbehaviour !== 'object' || misbehaviour === null || Array.isArray(misbehaviour)) {
    throw invalidSetting('misbehaviour', 'must be an object');
  }
  const given = Object.entries(misbehaviour).filter(([, value]) => value !== undefined && value !== null);
  for (const [name, value] of given) {
    const known = Object.hasOwn(checks, name) ? checks[name as keyof Misbehaviour] : undefined;
    const problem = known === undefined ? 'is not an option' : known[0](value) ? undefined : known[1];
    if (problem !== undefined) throw invalidSetting(name, problem);
  }
  const checked: Misbehaviour = Object.fromEntries(given);
  return checked.amount === undefined ? checked : { ...checked, amount: withTwoDecimals(checked.amount) };
}
