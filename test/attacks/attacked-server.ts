/** A process that serves callbacks and reports what they cost it. `attacked.ts` starts it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { toNodeListener } from '../../adapters/http/node.js';
import { DragonpayCallback, OnStatus } from '../../src/index.js';
import { testEndpoint } from '../support/dispatch-signed.js';
import { openRepository } from './open-repository.js';

/** A method that is slow for the attacker's payment and fast for the payments of others. */
@DragonpayCallback()
class Shipping {
  @OnStatus('S') async ship({ data }: { data: { txnid: string } }) {
    await sleep(data.txnid.startsWith('SLOW') ? 300 : 0);
  }
}

const repository = openRepository();
const silent = { rejected() {}, stored() {}, handlerFailed() {} };
const server = createServer(toNodeListener(testEndpoint(Shipping, { repository, hooks: silent })));
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;
let [memory, cpuOfMeasuring] = [0, 0];

/** The CPU time of this process, in milliseconds. */
function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Collects garbage first: V8 would collect it at any time, for forgeries as late as for copies. */
function measureMemory(): void {
  const before = cpuTime();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  memory = Math.max(memory, (heapUsed + external) / 1e6);
  cpuOfMeasuring += cpuTime() - before;
}

setInterval(measureMemory, 200).unref();
process.on('message', async (txnids: readonly string[]) => {
  for (const txnid of txnids) await repository.createPayment({ txnid, amount: '100.00' });
  measureMemory();
  process.send?.({ cpu: cpuTime() - cpuOfMeasuring, memory });
  memory = 0;
});
process.on('disconnect', () => process.exit());
