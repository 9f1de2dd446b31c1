import { AssertionError } from 'node:assert';
import { invalidSetting } from '../errors.js';
import { HandlerError } from '../handling/handler-call.js';
import { type AdaptableEndpoint, withRepository } from '../handling/with-repository.js';
import type { CallbackEndpoint, CallbackReply } from '../model/callback-request.js';
import type { CallbackFields } from '../protocol/sign-callback.js';
import type { CallbackRepository, StatusEffect } from '../repository/callback-repository.js';
import { checkFunction } from './conformance-case.js';
import { deliver } from './deliver.js';

/** The ways in which {@link assertExactlyOnce} delivers the callbacks of a payment. */
export type DeliveryFault = 'duplicated' | 'concurrent' | 'reordered' | 'handler fails once';

const times = 3;
const atOnce = 8;

/** Delivers the callbacks of a payment. Rejects if one of them is not accepted. */
type Delivery = (endpoint: CallbackEndpoint, callbacks: readonly CallbackFields[]) => Promise<void>;

const deliveries: Readonly<Record<DeliveryFault, Delivery>> = {
  duplicated: async (endpoint, callbacks) => {
    for (const callback of callbacks) for (let time = 0; time < times; time++) await untilAccepted(endpoint, callback);
  },
  concurrent: async (endpoint, callbacks) => {
    const processes = Array.from({ length: atOnce }, () => asOtherProcess(endpoint));
    const all = processes.flatMap((one) => callbacks.map((callback) => untilAccepted(one, callback)));
    const delivered = await Promise.allSettled(all);
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
  duplicated: 'move it to @OnStatus, because @OnPost runs for every delivery',
  concurrent: 'move it to @OnStatus, into the transaction callback.trx',
  reordered: '@OnGet must only show, and an earlier status that arrives late must change nothing',
  'handler fails once': 'work outside the transaction callback.trx is not rolled back if the method fails',
};

/**
 * Asserts that an effect happens exactly once for a payment, in four ways of delivery: after an `@OnStatus` method that
 * failed at its end (handler fails once), eight times at the same moment (concurrent), three times (duplicated), and the
 * last status first, with the payer's return before and after each postback (reordered). It needs no test framework.
 * @param endpoint the endpoint that `dragonpay.endpoint()` returned
 * @param callback a signed callback of a new payment, or several in the order of sending. The payment then goes through
 *   the four ways one after the other. Or a function that makes a new payment and signs its callbacks. It is called for
 *   each way, and each must cause the effect by itself, which finds more faults
 * @param effect counts how often the effect has happened, for this payment or in all. It is called before and after
 * @throws DragonpayError `invalid-setting` for arguments of another shape
 * @throws AssertionError that names the ways of delivery that break the effect
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
  checkFunction('effect', effect);
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

/** The number of times that the effect happened, or why it did not. */
interface Finding {
  readonly fault: DeliveryFault;
  readonly count: number | string;
  readonly complaint?: string;
}

type Effect = (callbacks: readonly CallbackFields[]) => number | Promise<number>;

/** Uses a new payment for each way of delivery. */
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

/** Delivers one payment in all four ways. The first way after which the count is not 1 counts as the faulty one. */
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
    // If the effect has happened already, it was not rolled back when its method failed.
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
    throw invalidSetting('callbacks', 'must be signed callbacks, or a function that makes a payment and signs them');
  }
  return list;
}

const noEffect = 'check that its payment exists, and that the callbacks carry the status that causes it';

async function countOf(effect: Effect, callbacks: readonly CallbackFields[]): Promise<number> {
  const count: unknown = await effect(callbacks);
  if (typeof count !== 'number' || Number.isNaN(count)) {
    throw invalidSetting('effect', 'must return a number: how often it has happened');
  }
  return count;
}

class NotAccepted extends Error {}

/** Sends a callback again after a 5xx, as Dragonpay may. */
async function untilAccepted(endpoint: CallbackEndpoint, callback: CallbackFields): Promise<void> {
  for (let time = 1; ; time++) {
    const reply = await deliver(endpoint, callback);
    if (isAccepted(reply)) return;
    if (reply.status < 500 || time === times) {
      throw new NotAccepted(`a callback was answered ${reply.status} ${reply.body}`);
    }
  }
}

/**
 * Delivers a callback whose effect does its work and then fails. It fails only once, because a repository may try
 * again.
 */
async function failingOnce(endpoint: CallbackEndpoint, callback: CallbackFields): Promise<void> {
  if (!isAdaptable(endpoint)) throw invalidSetting('endpoint', 'must be made by dragonpay.endpoint(YourClass)');
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

/** An endpoint as in another process: in one process, copies of a callback wait for each other. */
function asOtherProcess(endpoint: CallbackEndpoint): CallbackEndpoint {
  return isAdaptable(endpoint) ? endpoint[withRepository]((repository) => repository) : endpoint;
}

function isAdaptable(endpoint: CallbackEndpoint): endpoint is AdaptableEndpoint {
  return withRepository in endpoint;
}

/** The same repository, with other effects. */
function withEffects(
  repository: CallbackRepository,
  adapt: (effect: StatusEffect) => StatusEffect,
): CallbackRepository {
  const store: CallbackRepository['store'] = (callback, effect, options) =>
    repository.store(callback, effect && adapt(effect), options);
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
