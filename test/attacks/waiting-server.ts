/** A process whose callbacks wait as long as they are told to. `held-forms.long.test.ts` starts it. */
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { toNodeListener } from '../../adapters/http/node.js';
import { DragonpayCallback, OnStatus } from '../../src/index.js';
import { testEndpoint } from '../support/dispatch-signed.js';
import { memoryInUse } from '../support/memory-in-use.js';
import { openRepository } from './open-repository.js';

/** Longer than a test takes. */
const milliseconds = 300_000;

let openGate = () => {};
let gate = Promise.resolve();

@DragonpayCallback()
class Shipping {
  @OnStatus('S') async ship({ data }: { data: { txnid: string } }) {
    if (data.txnid.startsWith('GATED')) await gate;
  }
}

const endpoint = testEndpoint(Shipping, {
  // All callbacks but one wait for the method.
  repository: openRepository({ effects: 1, busyMilliseconds: milliseconds }),
  hooks: { stored() {}, handlerFailed() {} },
  limits: {
    bodyBytes: 100_000,
    storeMilliseconds: milliseconds,
    handlerMilliseconds: milliseconds,
    earlyMilliseconds: milliseconds,
  },
});

const sockets = new Set<Socket>();
const server = createServer(toNodeListener(endpoint));
server.on('connection', (socket) => {
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));

const orders: Readonly<Record<string, () => number | Promise<number>>> = {
  async closeGate() {
    gate = new Promise((resolve) => {
      openGate = resolve;
    });
    return 0;
  },
  openGate() {
    openGate();
    return 0;
  },
  connections: () => sockets.size,
  bytesRead: () => [...sockets].reduce((sum, { bytesRead }) => sum + bytesRead, 0),
  memory: memoryInUse,
};
process.on('message', async (order: string) => process.send?.(await orders[order]?.()));
process.on('disconnect', () => process.exit());
