import { once } from 'node:events';
import { connect as connect2, createServer as createServer2 } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { expect } from 'chai';
import { toNodeListener } from '../../adapters/http/node.js';
import { DragonpayCallback, MemoryRepository } from '../../src/index.js';
import { testDragonpay } from '../support/dispatch-signed.js';
import { adapterServers } from '../support/servers.js';
import { Connection, form, head, signed } from './connection.js';

@DragonpayCallback()
class Silent {}

async function receiver() {
  const repository = new MemoryRepository();
  await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
  return testDragonpay({ repository, limits: { bodyMilliseconds: 2_000 } }).endpoint(Silent);
}

/** Harmless fields behind the last chunk of a body. */
const harmless: Readonly<Record<string, string>> = {
  'a checksum': 'X-Checksum: abc\r\n',
  'a content type': 'Content-Type: text/plain\r\n',
  'the field Trailer': 'Trailer: x\r\n',
  'a name of JavaScript': '__proto__: x\r\n',
  'one of 10,000 characters': `x: ${'a'.repeat(10_000)}\r\n`,
  'a hundred': 'x: y\r\n'.repeat(100),
};

/** Fields behind the last chunk that no server should accept. Which of them Node refuses depends on its version. */
const harmful: Readonly<Record<string, string>> = {
  'a length': 'Content-Length: 5\r\n',
  'two lengths': 'Content-Length: 0\r\nContent-Length: 99\r\n',
  'the field Transfer-Encoding': 'Transfer-Encoding: chunked\r\n',
  'the field Connection': 'Host: y\r\nConnection: close\r\n',
  'a NUL': 'x: \0\r\n',
  'a folded line': ' folded\r\n',
  'a line without a colon': 'no colon\r\n',
  'five thousand': 'x: y\r\n'.repeat(5_000),
  'one of 100,000 characters': `x: ${'a'.repeat(100_000)}\r\n`,
};

/** A genuine callback with trailers, with another one behind it on the same connection. */
function followed(trailers: string): string {
  const chunk = `${form.length.toString(16)}\r\n${form}\r\n`;
  return `${head('transfer-encoding: chunked')}${chunk}0\r\n${trailers}\r\n${signed}`;
}

const okCount = ({ received }: Connection) => received.split('result=OK').length - 1;

for (const { name, serve } of adapterServers.filter(({ setups }) => setups?.includes('plain') ?? true)) {
  it(`Trailers change no callback on ${name}`, async () => {
    const server = await serve(await receiver(), 'plain');
    const send = (written: string) => {
      const connection = new Connection(Number(new URL(server.url).port));
      connection.socket.write(written);
      return connection;
    };
    try {
      const checks = Object.entries(harmless).map(async ([what, trailers]) => {
        const connection = send(followed(trailers));
        await connection.until((one) => one.isClosed || okCount(one) === 2);
        expect(connection.isClosed, what).to.equal(false);
        connection.socket.destroy();
      });
      const refusals = Object.entries(harmful).map(async ([what, trailers]) => {
        const connection = send(followed(trailers));
        await connection.until((one) => one.isClosed || okCount(one) === 2);
        if (connection.isClosed) expect(connection.received, what).to.match(/^HTTP\/1\.1 4\d\d /);
        connection.socket.destroy();
      });
      await Promise.all([...checks, ...refusals]);
      const connection = send(signed);
      await connection.until((one) => okCount(one) === 1);
      connection.socket.destroy();
    } finally {
      await server.close();
    }
  });
}

it('Trailers change nothing over HTTP/2', async () => {
  const server = createServer2(toNodeListener(await receiver()) as never).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const answerTo = async (trailers: Readonly<Record<string, string>>) => {
    const client = connect2(url).on('error', () => {});
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    const stream = client.request({ ':method': 'POST', ':path': '/', ...type }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.end(form);
    const body = await textOf(stream).catch(() => 'refused');
    client.destroy();
    return body;
  };
  expect(await answerTo({ 'x-checksum': 'abc' })).to.equal('result=OK');
  expect(await answerTo({ 'content-length': '3' })).to.match(/^(?:result=OK|refused|)$/);
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`x-${index}`, 'y']));
  expect(await answerTo(many)).to.match(/^(?:result=OK|refused|)$/);
  expect(await answerTo({})).to.equal('result=OK');
  server.close();
});
