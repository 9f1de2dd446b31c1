import { AssertionError } from 'node:assert';
import type { CallbackEndpoint, CallbackReply } from '../callback-request.js';
import { afterMethod } from '../handler-call.js';
import { deliver, toRequest } from './deliver.js';
import type { CallbackFields } from './sign-callback.js';

/** What {@link assertExactlyOnce} does to the callbacks of a payment. */
export type DeliveryFault = 'duplicated' | 'concurrent' | 'reordered' | 'handler fails once';

const times = 3;
const atOnce = 8;

/** Delivers the callbacks of one payment in a way in which they may come. Rejects where one is not accepted. */
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
 * Asserts that an effect happens exactly once for a payment, however its callbacks come: each three times (duplicated),
 * eight times at the same moment (concurrent), the last status first and the payer's return before and after each
 * postback (reordered), and with a method that throws when it has done its work, after which the callback is sent again (handler
 * fails once). Needs no test framework.
 * @param makeCallbacks called for each of the four: makes a new payment, and signs what Dragonpay says of it; one
 *   callback, or several in the order in which they would be sent
 * @param effect counts how often the effect has happened, for this payment or in all: it is asked before and after
 * @throws AssertionError that says which of the four broke it
 *
 * @example
 * await assertExactlyOnce(
 *   endpoint,
 *   async () => {
 *     const txnid = generateTxnId();
 *     await repository.createTransaction({ txnid, amount: '100.00' });
 *     return signCallback({ txnid, refno: 'ABCD1234', status: 'S', message: 'Paid' }, { sha1: { secretKey } });
 *   },
 *   () => shipments.count(),
 * );
 */
export async function assertExactlyOnce(
  endpoint: CallbackEndpoint,
  makeCallbacks: () => MadeCallbacks | Promise<MadeCallbacks>,
  effect: (callbacks: readonly CallbackFields[]) => number | Promise<number>,
): Promise<void> {
  if (typeof makeCallbacks !== 'function') {
    throw new TypeError('assertExactlyOnce() takes a function that makes a new payment and signs its callback');
  }
  const counts: Record<string, number | string> = {};
  const complaints: string[] = [];
  for (const [fault, arrive] of Object.entries(deliveries) as [DeliveryFault, Delivery][]) {
    const made = await makeCallbacks();
    const callbacks = Array.isArray(made) ? (made as readonly CallbackFields[]) : [made as CallbackFields];
    const before = await countOf(effect, callbacks);
    try {
      await arrive(endpoint, callbacks);
      const count = (await countOf(effect, callbacks)) - before;
      counts[fault] = count;
      if (count === 1) continue;
      complaints.push(`${fault}: the effect happened ${count} times; ${count > 1 ? advice[fault] : noEffect}`);
    } catch (error) {
      if (!(error instanceof NotAccepted)) throw error;
      counts[fault] = error.message;
      complaints.push(`${fault}: ${error.message}`);
    }
  }
  if (complaints.length === 0) return;
  throw new AssertionError({
    message: `The effect is not exactly once:\n${complaints.map((complaint) => `- ${complaint}`).join('\n')}`,
    actual: counts,
    expected: Object.fromEntries(Object.keys(deliveries).map((fault) => [fault, 1])),
    operator: 'assertExactlyOnce',
    stackStartFn: assertExactlyOnce,
  });
}

type MadeCallbacks = CallbackFields | readonly CallbackFields[];

const noEffect = 'does its payment exist, and do the callbacks bring the status that causes it?';

async function countOf(
  effect: (callbacks: readonly CallbackFields[]) => number | Promise<number>,
  callbacks: readonly CallbackFields[],
): Promise<number> {
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

async function failingOnce(endpoint: CallbackEndpoint, callback: CallbackFields): Promise<void> {
  let hasFailed = false;
  const fail = () => {
    if (hasFailed) return;
    hasFailed = true;
    throw new Error('assertExactlyOnce() lets this method fail once');
  };
  const reply = await endpoint.dispatch(Object.assign(toRequest(callback, 'POST'), { [afterMethod]: fail }));
  if (hasFailed && isAccepted(reply)) {
    throw new NotAccepted(`a method failed and was answered ${reply.status}: it would not be sent again`);
  }
}

function isAccepted({ status }: CallbackReply): boolean {
  return status >= 200 && status <= 299;
}
