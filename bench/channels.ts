/**
 * Measures what the tracing channels cost: the CPU time of one verified callback without subscribers, and with one
 * subscriber of each channel that does nothing. Also measures the checks for subscribers alone: without a subscriber,
 * they are the whole cost.
 *
 * `npm run bench:channels`
 */
import { tracingChannel } from 'node:diagnostics_channel';
import { type CallbackEndpoint, createDragonpay, DragonpayCallback, MemoryRepository, OnStatus } from '../src/index.js';
import { callOurs, playCalls } from './compare-sdks.js';
import { postback, secretKey, txnidOf } from './postbacks.js';
import { quantile } from './statistics.js';

const count = 2_000;
const rounds = 25;
/** How often one call checks the channels for subscribers. */
const times = 100;
const names = ['dispatch', 'store', 'effect'];
const channels = names.map((name) => tracingChannel<unknown, object>(`dragonpay-callback:${name}`));
const nothing = () => {};
const subscribers = { start: nothing, end: nothing, asyncStart: nothing, asyncEnd: nothing, error: nothing };

@DragonpayCallback()
class NoOp {
  @OnStatus('S') settle(): void {}
}

/** The rows are settled by the first round; a delivery of an applied event runs no effect. */
const bodies = Array.from({ length: count }, (_, index) => Buffer.from(postback(txnidOf('CHANNELS', index))));

async function endpointWithRows(): Promise<CallbackEndpoint> {
  const repository = new MemoryRepository();
  for (let index = 0; index < count; index++) {
    await repository.createPayment({ txnid: txnidOf('CHANNELS', index), amount: '1.00' });
  }
  const verification = { sha1: { secretKeys: [secretKey] } };
  const hooks = { stored: nothing };
  return createDragonpay({ merchantId: 'BENCH', environment: 'test', verification, repository, hooks }).endpoint(NoOp);
}

const endpoint = await endpointWithRows();
const call = (index: number) => callOurs(endpoint, bodies[index]);
let listeners = 0;
const played = await playCalls(
  {
    alone: call,
    asked: () => {
      for (let time = 0; time < times; time++) {
        for (const channel of channels) if (channel.hasSubscribers) listeners++;
      }
    },
    listened: (index) => {
      if (index === 0) for (const channel of channels) channel.subscribe(subscribers);
      const called = call(index);
      return index < count - 1
        ? called
        : called.finally(() => {
            for (const channel of channels) channel.unsubscribe(subscribers);
          });
    },
    // A second measurement of the same: the difference from the first one is the noise of the machine.
    aloneAgain: call,
  },
  { count, rounds },
);
if (listeners > 0) throw new Error('somebody listens');
const { alone, asked, listened, aloneAgain } = played;
const perCall = (figures: readonly number[], digits = 1) => `${quantile(figures, 0.5).toFixed(digits)} µs`;
console.log(`a callback while nobody listens   ${perCall(alone)}, and measured again ${perCall(aloneAgain)}`);
console.log(
  `to ask the three channels         ${perCall(
    asked.map((figure) => figure / times),
    3,
  )}`,
);
console.log(`a callback while somebody listens ${perCall(listened)}`);
