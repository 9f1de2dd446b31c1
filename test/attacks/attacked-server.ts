/** A process that serves callbacks and reports what they cost it. `attacked.ts` starts it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { toNodeListener } from '../../adapters/http/node.js';
import { DragonpayCallback, OnStatus } from '../../src/index.js';
import { testEndpoint } from '../support/dispatch-signed.js';
import { openRepository } from './open-repository.js';

/** Is slow for the payment of the attacker, and fast for those of others. */
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
process.on('message', async (txnids: readonly string[]) => {
  for (const txnid of txnids) await repository.createPayment({ txnid, amount: '100.00' });
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  process.send?.({ cpu: (userCPUTime + systemCPUTime) / 1_000, memory: maxRSS / 1_024 });
});
process.on('disconnect', () => process.exit());
