import { DragonpayError } from '../../errors.js';
import { amountShape, statusShape, withTwoDecimals } from '../../protocol/field-shapes.js';

/** What the sandbox does otherwise than a gateway on a good day. What is not given is done right. */
export interface Misbehaviour {
  /** How often each postback is sent, all of them at once: 2 to 10. */
  readonly copies?: number;
  /** How long a postback waits before it is sent, in milliseconds. */
  readonly delayMilliseconds?: number;
  /** The payer's browser returns without waiting; the postback leaves after the delay, or after two seconds. */
  readonly returnFirst?: boolean;
  /** Postbacks are not sent. They stand in the log, and can be sent from there. */
  readonly drop?: boolean;
  /** A status that one more postback, as well signed, claims after one of a final status. */
  readonly contradict?: string;
  /** The amount that callbacks of payments name, decimal string; inquiries go on to tell the true one. */
  readonly amount?: string;
  /** The RSA signature is by a key that is listed as Revoked. */
  readonly revokedKey?: boolean;
  /** How long calls of the gateway's API wait for their answer, in milliseconds. */
  readonly answerMilliseconds?: number;
  /** How often a postback is sent again that was not answered with a 2xx: 1 to 20. */
  readonly resends?: number;
  /** The wait before each of these, in milliseconds; 1,000 when not given. */
  readonly resendMilliseconds?: number;
}

/** How long the return is ahead of its postback where no delay says so, in milliseconds. */
export const returnLead = 2_000;

/** What is wrong with the gateway: for all payments and payouts, and for single ones. */
export class Misbehaviours {
  #all: Misbehaviour = {};
  readonly #single = new Map<string, Misbehaviour>();

  /** Replaces what was said before, for all or for one id. Nothing in it means: behave as usual. */
  set(misbehaviour: Misbehaviour, id?: string): void {
    const checked = checkMisbehaviour(misbehaviour);
    if (id === undefined) this.#all = checked;
    else if (Object.keys(checked).length === 0) this.#single.delete(id);
    else this.#single.set(id, checked);
  }

  /** As it was set, for all or for one id alone. */
  get(id?: string): Misbehaviour {
    return id === undefined ? this.#all : (this.#single.get(id) ?? {});
  }

  /** What holds for an id: its own before everybody's. */
  of(id: string): Misbehaviour {
    return { ...this.#all, ...this.#single.get(id) };
  }

  /** The ids that have one of their own. */
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
  copies: [between(1, 10), 'is no whole number of 1 to 10'],
  delayMilliseconds: [between(0, day), 'is no whole number of milliseconds up to a day'],
  returnFirst: [isFlag, 'is neither true nor false'],
  drop: [isFlag, 'is neither true nor false'],
  contradict: [(value) => statusShape.isValidSync(value), 'is not one letter'],
  amount: [(value) => value !== '' && amountShape.isValidSync(value), 'is no decimal string such as "1.00"'],
  revokedKey: [isFlag, 'is neither true nor false'],
  answerMilliseconds: [between(0, day), 'is no whole number of milliseconds up to a day'],
  resends: [between(0, 20), 'is no whole number of 0 to 20'],
  resendMilliseconds: [between(0, day), 'is no whole number of milliseconds up to a day'],
};

/** @throws DragonpayError `invalid-setting` */
function checkMisbehaviour(misbehaviour: unknown): Misbehaviour {
  if (typeof misbehaviour !== 'object' || misbehaviour === null || Array.isArray(misbehaviour)) {
    throw new DragonpayError('invalid-setting', 'a misbehaviour is an object', { subject: 'misbehaviour' });
  }
  const given = Object.entries(misbehaviour).filter(([, value]) => value !== undefined && value !== null);
  for (const [name, value] of given) {
    const known = Object.hasOwn(checks, name) ? checks[name as keyof Misbehaviour] : undefined;
    const complaint = known === undefined ? 'is unknown' : known[0](value) ? undefined : known[1];
    if (complaint !== undefined) {
      throw new DragonpayError('invalid-setting', `misbehaviour.${name} ${complaint}`, { subject: name });
    }
  }
  const checked: Misbehaviour = Object.fromEntries(given);
  return checked.amount === undefined ? checked : { ...checked, amount: withTwoDecimals(checked.amount) };
}
