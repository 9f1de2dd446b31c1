import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import http2 from 'node:http2';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { writeReply } from '../../adapters/http/incoming-message.js';
import { toNodeListener } from '../../adapters/http/node.js';
import {
  type CallbackReply,
  type CallbackRequest,
  DragonpayCallback,
  type HandlerClass,
  OnDispatch,
  OnPost,
} from '../../src/index.js';
import { encodeRequest, RawConnection } from '../../src/testing/adapter-conformance/raw-http.js';
import { testEndpoint } from '../support/dispatch-signed.js';

@DragonpayCallback()
class Shop {
  @OnPost() post() {}
}

/** Sends a part of a body and hangs up. Resolves to the codes of the refusals, after the first one. */
async function hangUp(Class: HandlerClass, bodyMilliseconds: number): Promise<readonly string[]> {
  const refused: string[] = [];
  const hooks = { rejected: ({ code }: { code: string }) => refused.push(code) };
  const endpoint = testEndpoint(Class, { hooks, limits: { bodyMilliseconds } });
  const server = createServer(toNodeListener(endpoint)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connection = await RawConnection.to(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const arrived = once(server, 'request');
  connection.send(encodeRequest({ target: '/callback', body: 'txnid=T-1&status=S' }).subarray(0, -5));
  await arrived;
  connection.destroy();
  for (const end = Date.now() + 10_000; refused.length === 0 && Date.now() < end; ) await sleep(5);
  server.close();
  return refused;
}

it('A sender that hangs up in the middle of a body is noticed at once', async () => {
  expect(await hangUp(Shop, 5_000), 'not after the limit for bodies').to.deep.equal(['body-aborted']);
});

it('A sender of HTTP/2 that cancels in the middle of a body is noticed', async () => {
  const refused: string[] = [];
  const hooks = { rejected: ({ code }: { code: string }) => refused.push(code) };
  const server = http2.createServer(toNodeListener(testEndpoint(Shop, { hooks }))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const request = session.request({ ':method': 'POST', ':path': '/' });
  const arrived = once(server, 'request');
  request.write('txnid=T-1');
  await arrived;
  request.close(http2.constants.NGHTTP2_CANCEL);
  while (refused.length === 0) await sleep(5);
  session.destroy();
  server.close();
  expect(refused).to.deep.equal(['body-aborted']);
});

/** Writes a refusal of a body that is still coming. Resolves to how often it was ended at once, and later. */
async function endsOf(message: object, event?: string): Promise<readonly [number, number]> {
  const request = Object.assign(
    new EventEmitter(),
    { complete: false, destroyed: false, httpVersionMajor: 1 },
    message,
  );
  let ended = 0;
  const response = { writeHead() {}, write() {}, end: () => ended++ };
  writeReply(request as never, response, { status: 413, headers: {}, body: 'error=body-too-large' });
  const atOnce = ended;
  if (event !== undefined) request.emit(event);
  await sleep(600);
  return [atOnce, ended];
}

it('A sender that hangs up after its reply leaves nothing that is done later', async () => {
  expect(await endsOf({}, 'close')).to.deep.equal([0, 0]);
});

it('A sender that hung up before its reply leaves nothing that is done later', async () => {
  expect(await endsOf({ destroyed: true })).to.deep.equal([1, 1]);
});

it('A sender that hung up before its body is asked for is noticed at once', async () => {
  @DragonpayCallback()
  class Late {
    @OnDispatch() async around({ native }: CallbackRequest, next: () => Promise<CallbackReply>) {
      const message = native as IncomingMessage;
      if (!message.destroyed) await new Promise((resolve) => message.on('close', resolve));
      return next();
    }
  }
  expect(await hangUp(Late, 1_000), 'not after the limit for bodies').to.deep.equal(['body-aborted']);
});

it('A sender of a body that is too long is not read on, although it gets its reply', async () => {
  const server = createServer(toNodeListener(testEndpoint(Shop))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {});
  let received = '';
  socket.setEncoding('latin1').on('data', (text) => {
    received += text;
  });
  const taken: Socket = (await accepted)[0];
  const closed = once(taken, 'close');
  socket.write('POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n');
  const chunk = `10000\r\n${'a'.repeat(0x10000)}\r\n`;
  for (let sent = 0; sent < 500; sent++) socket.write(chunk);
  await closed;
  server.close();
  expect(received).to.match(/^HTTP\/1\.1 413 /);
  // The sender wrote 32 MB.
  expect(taken.bytesRead).to.be.below(2_000_000);
});
