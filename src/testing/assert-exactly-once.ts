import { AssertionError } from 'node:assert';
import { HandlerError } from '../handling/handler-call.js';
import { type AdaptableEndpoint, withRepository } from '../handling/with-repository.js';
import type { CallbackEndpoint, CallbackReply } from '../model/callback-request.js';
import type { CallbackFields } from '../protocol/sign-callback.js';
import type { CallbackRepository, StatusEffect } from '../repository/callback-repository.js';
import { deliver } from './deliver.js';

/** What {@link assertExactlyOnce} does to the callbacks of a payment. */
export type DeliveryFault = 'duplicated' | 'concurrent' | 'reordered' | 'handler fails once';

const times = 3;
const atOnce = 8;

/** Delivers the callbacks of a payment in a way in which they may come. Rejects where one is not accepted. */
type Delivery = (endpoint: CallbackEndpoint, callbacks: readonly CallbackFields[]) => Promise<void>;

const deliveries: Readonly<Record<DeliveryFault, Delivery>> = {
  duplicated: async (endpoint, callbacks) => {
    for (const callback of callbacks) for (let time = 0; time < times; time++) await untilAccepted(endpoint, callback);
  },
  concurrent: async (endpoint, callbacks) => {
    const all = Array.from({ length: atOnce }, () => callbacks).flat();
    const delivered = await Promise.allSettled(all.map((callback) => untilAccepted(endpoint, callback)));
    for (const one of delivered) if (one.status === 'rejected') throw one.reason;
  },
  reordered: async (endpoint, callbacks) => {
    for (const callback of [...callbacks].reverse()) {
      await deliver(endpoint, callback, { method: 'GET' });
      await untilAccepted(endpoint, callback);
      await deliver(endpoint, callback, { method: 'GET' });
    }
  },
  'handler fails once': async (endpoint, callbacks) => {
    for (const callback of callbacks) {
      await failingOnce(endpoint, callback);
      await untilAccepted(endpoint, callback);
    }
  },
};

const advice: Readonly<Record<DeliveryFault, string>> = {
  duplicated: 'what must happen once belongs into @OnStatus, since @OnPost runs for every delivery',
  concurrent: 'what must happen once belongs into @OnStatus, in the transaction callback.trx',
  reordered: 'a return is to show, and an older status that comes late is to change nothing',
  'handler fails once': 'what is done outside the transaction callback.trx is not rolled back when the method fails',
};

/**
 * Asserts that an effect happens exactly once for a payment, however its callbacks come: with a method that throws when
 * it has done its work, after which the callback is sent again (handler fails once), eight times at the same moment
 * (concurrent), three times (duplicated), and the last status first, with the payer's return before and after each
 * postback (reordered). Needs no test framework.
 * @param callback a signed callback of a new payment, or several in the order in which they would be sent: the payment
 *   goes through one of the four after the other. Or a function that makes a new payment and signs its callbacks: it is
 *   called for each of the four, and each must cause the effect by itself, which finds more
 * @param effect counts how often the effect has happened, for this payment or in all: it is asked before and after
 * @throws AssertionError that says which of the four broke it
 *
 * @example
 * await assertExactlyOnce(
 *   endpoint,
 *   async () => {
 *     const txnid = generateTxnId();
 *     await repository.createPayment({ txnid, amount: '100.00' });
 *     return signCallback({ txnid, refno: 'ABCD1234', status: 'S', message: 'Paid' }, { sha1: { secretKey } });
 *   },
 *   () => shipments.count(),
 * );
 */
export async function assertExactlyOnce(
  endpoint: CallbackEndpoint,
  callback: MadeCallbacks | (() => MadeCallbacks | Promise<MadeCallbacks>),
  effect: Effect,
): Promise<void> {
  const findings =
    typeof callback === 'function'
      ? await tryEachAlone(endpoint, callback, effect)
      : await tryOneAfterTheOther(endpoint, listOf(callback), effect);
  const broken = findings.filter(({ complaint }) => complaint !== undefined);
  if (broken.length === 0) return;
  throw new AssertionError({
    message: `The effect is not exactly once:\n${broken.map(({ fault, complaint }) => `- ${fault}: ${complaint}`).join('\n')}`,
    actual: Object.fromEntries(findings.map(({ fault, count }) => [fault, count])),
    expected: Object.fromEntries(findings.map(({ fault }) => [fault, 1])),
    operator: 'assertExactlyOnce',
    stackStartFn: assertExactlyOnce,
  });
}

/** How often the effect had happened in the end, or what kept it from happening. */
interface Finding {
  readonly fault: DeliveryFault;
  readonly count: number | string;
  readonly complaint?: string;
}

type Effect = (callbacks: readonly CallbackFields[]) => number | Promise<number>;

/** A new payment for each of the four. */
async function tryEachAlone(
  endpoint: CallbackEndpoint,
  makeCallbacks: () => MadeCallbacks | Promise<MadeCallbacks>,
  effect: Effect,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [fault, arrive] of Object.entries(deliveries) as [DeliveryFault, Delivery][]) {
    const callbacks = listOf(await makeCallbacks());
    const before = await countOf(effect, callbacks);
    findings.push(
      await findingOf(fault, async () => {
        await arrive(endpoint, callbacks);
        return (await countOf(effect, callbacks)) - before;
      }),
    );
  }
  return findings;
}

/** One payment through all four. The first that the effect is not once after is the one that broke it. */
async function tryOneAfterTheOther(
  endpoint: CallbackEndpoint,
  callbacks: readonly CallbackFields[],
  effect: Effect,
): Promise<Finding[]> {
  const before = await countOf(effect, callbacks);
  const count = async () => (await countOf(effect, callbacks)) - before;
  let blamed: DeliveryFault = 'handler fails once';
  const first = await findingOf('concurrent', async () => {
    for (const callback of callbacks) await failingOnce(endpoint, callback);
    // What is there by now was not rolled back with its method.
    if ((await count()) === 0) blamed = 'concurrent';
    await deliveries.concurrent(endpoint, callbacks);
    return count();
  });
  const findings: Finding[] = [{ ...first, fault: blamed }];
  for (const fault of ['duplicated', 'reordered'] as const) {
    if (findings.at(-1)?.complaint !== undefined) break;
    findings.push(
      await findingOf(fault, async () => {
        await deliveries[fault](endpoint, callbacks);
        return count();
      }),
    );
  }
  return findings;
}

async function findingOf(fault: DeliveryFault, run: () => Promise<number>): Promise<Finding> {
  try {
    const count = await run();
    if (count === 1) return { fault, count };
    const why = count > 1 ? advice[fault] : noEffect;
    return { fault, count, complaint: `the effect happened ${count} times; ${why}` };
  } catch (error) {
    if (!(error instanceof NotAccepted)) throw error;
    return { fault, count: error.message, complaint: error.message };
  }
}

type MadeCallbacks = CallbackFields | readonly CallbackFields[];

function listOf(callbacks: MadeCallbacks): readonly CallbackFields[] {
  const list = Array.isArray(callbacks) ? (callbacks as readonly CallbackFields[]) : [callbacks as CallbackFields];
  if (list.length === 0 || list.some((callback) => typeof callback !== 'object' || callback === null)) {
    throw new TypeError(
      'assertExactlyOnce() takes signed callbacks, or a function that makes a payment and signs them',
    );
  }
  return list;
}

const noEffect = 'does its payment exist, and do the callbacks bring the status that causes it?';

async function countOf(effect: Effect, callbacks: readonly CallbackFields[]): Promise<number> {
  const count: unknown = await effect(callbacks);
  if (typeof count !== 'number' || Number.isNaN(count)) {
    throw new TypeError('effect is to answer with a number: how often it has happened');
  }
  return count;
}

class NotAccepted extends Error {}

/** Sends a callback again that was answered with a 5xx, as Dragonpay may. */
async function untilAccepted(endpoint: CallbackEndpoint, callback: CallbackFields): Promise<void> {
  for (let time = 1; ; time++) {
    const reply = await deliver(endpoint, callback);
    if (isAccepted(reply)) return;
    if (reply.status < 500 || time === times) {
      throw new NotAccepted(`a callback was answered ${reply.status} ${reply.body}`);
    }
  }
}

/** Delivers a callback whose effect does its work and then fails: once, so that a repository may try again. */
async function failingOnce(endpoint: CallbackEndpoint, callback: CallbackFields): Promise<void> {
  if (!isAdaptable(endpoint))
    throw new TypeError('assertExactlyOnce() needs an endpoint that dragonpay.endpoint() made');
  let hasFailed = false;
  const failing = endpoint[withRepository]((repository) =>
    withEffects(repository, ({ milliseconds, run }) => ({
      milliseconds,
      async run(update, trx) {
        await run(update, trx);
        if (hasFailed) return;
        hasFailed = true;
        throw new HandlerError('assertExactlyOnce()', new Error('assertExactlyOnce() lets this method fail once'));
      },
    })),
  );
  const reply = await deliver(failing, callback);
  if (hasFailed && isAccepted(reply)) {
    throw new NotAccepted(`a method failed and was answered ${reply.status}, so the callback would not be sent again`);
  }
}

function isAdaptable(endpoint: CallbackEndpoint): endpoint is AdaptableEndpoint {
  return withRepository in endpoint;
}

/** The same repository, with other effects. */
function withEffects(
  repository: CallbackRepository,
  adapt: (effect: StatusEffect) => StatusEffect,
): CallbackRepository {
  const store: CallbackRepository['store'] = (callback, effect) => repository.store(callback, effect && adapt(effect));
  return new Proxy(repository, {
    get(target, name) {
      if (name === 'store') return store;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function isAccepted({ status }: CallbackReply): boolean {
  return status >= 200 && status <= 299;
}
