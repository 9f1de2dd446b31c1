import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { writeReply } from '../../adapters/http/incoming-message.js';
import { toNodeListener } from '../../adapters/http/node.js';
import { DragonpayCallback, OnPost } from '../../src/index.js';
import { encodeRequest, RawConnection } from '../../src/testing/adapter-conformance/raw-http.js';
import { testEndpoint } from '../support/dispatch-signed.js';

@DragonpayCallback()
class Shop {
  @OnPost() post() {}
}

it('A sender that hangs up in the middle of a body is noticed at once', async () => {
  const refused: string[] = [];
  const hooks = { rejected: ({ code }: { code: string }) => refused.push(code) };
  const endpoint = testEndpoint(Shop, { hooks, limits: { bodyMilliseconds: 5_000 } });
  const server = createServer(toNodeListener(endpoint)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connection = await RawConnection.to(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const arrived = once(server, 'request');
  connection.send(encodeRequest({ target: '/callback', body: 'txnid=T-1&status=S' }).subarray(0, -5));
  await arrived;
  connection.destroy();
  for (const end = Date.now() + 10_000; refused.length === 0 && Date.now() < end; ) await sleep(5);
  server.close();
  expect(refused, 'not after the limit for bodies').to.deep.equal(['body-aborted']);
});

it('A sender that hangs up after its reply leaves nothing that is done later', async () => {
  const message = Object.assign(new EventEmitter(), { complete: false, destroyed: false, httpVersionMajor: 1 });
  let ended = 0;
  const response = { writeHead() {}, write() {}, end: () => ended++ };
  writeReply(message as never, response, { status: 413, headers: {}, body: 'error=body-too-large' });
  message.emit('close');
  await sleep(600);
  expect(ended).to.equal(0);
});
