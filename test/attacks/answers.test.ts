import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect as connect2, createServer as createServer2 } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { toNodeListener } from '../../adapters/http/node.js';
import {
  type CallbackReply,
  type CallbackRequest,
  type Dragonpay,
  DragonpayCallback,
  type HandlerClass,
  type Limits,
  MemoryRepository,
  OnDispatch,
  OnPost,
} from '../../src/index.js';
import type { AdapterServer } from '../../src/testing.js';
import { testDragonpay } from '../support/dispatch-signed.js';
import { adapterServers, type InFront } from '../support/servers.js';
import { Connection, halfSent, head, isAnswered, signed } from './connection.js';

/** One server for each adapter and framework. */
const servers = adapterServers.filter(({ setups }) => setups?.includes('plain') ?? true);

for (const { name, serve } of servers) {
  // The handlers of Fetch and Lambda return a reply. Only the host knows whether it could be written.
  const isTold = !/^(?:Hono|Lambda)/.test(name);
  // AWS calls a function when it has read the whole body.
  const readsBody = !name.startsWith('Lambda');

  describe(`An attack on ${name}`, () => {
    let repository: MemoryRepository;
    let dragonpay: Dragonpay;
    let replyErrors: unknown[];
    let close: AdapterServer['close'];

    async function start(Class: HandlerClass, limits: Limits = {}, inFront?: InFront): Promise<number> {
      repository = new MemoryRepository();
      await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
      replyErrors = [];
      const silent = () => {};
      const hooks = {
        rejected: silent,
        handlerFailed: silent,
        replyFailed: (event: { error: unknown }) => replyErrors.push(event.error),
      };
      dragonpay = testDragonpay({ repository, limits, hooks });
      const server = await serve(dragonpay.endpoint(Class), 'plain', inFront);
      close = server.close;
      return Number(new URL(server.url).port);
    }
    afterEach(() => close());

    it('ends nothing when a time-out in front answers first, and the callback is stored', async () => {
      @DragonpayCallback()
      class Slow {
        @OnPost() post() {
          return sleep(150).then(() => undefined);
        }
      }
      const timeOut: InFront = (_, response) => setTimeout(() => response.writeHead(503).end('timeout'), 30);
      const connection = new Connection(await start(Slow, {}, timeOut));
      connection.socket.write(signed);
      if (isTold) {
        await connection.until(() => replyErrors.length === 1);
        expect(replyErrors[0]).to.be.an('error').with.property('name', 'AlreadyAnswered');
      } else await sleep(250);
      expect(connection.received)
        .to.match(/^HTTP\/1\.1 503 /)
        .and.not.include('result=OK');
      expect((await repository.findPayment('T-1'))?.status).to.equal('S');
    });

    it('ends nothing when a method answers through the native response', async () => {
      let response: ServerResponse | undefined;
      @DragonpayCallback()
      class Direct {
        @OnPost() post() {
          response?.end('hello');
        }
      }
      const keep: InFront = (_, given) => {
        response = given;
      };
      const connection = new Connection(await start(Direct, {}, keep));
      connection.socket.write(signed);
      await connection.until(({ received }) => received.includes('hello') && replyErrors.length === Number(isTold));
      expect(connection.received).to.not.include('result=OK');
    });

    if (isTold) {
      it('ends nothing when other code answers after the reply', async () => {
        @DragonpayCallback()
        class Silent {
          @OnPost() post() {}
        }
        const late: InFront = (_, response) => {
          const { end } = response;
          response.end = ((...reply: unknown[]) => {
            Reflect.apply(end, response, reply);
            return Reflect.apply(end, response, ['too late']);
          }) as ServerResponse['end'];
        };
        const connection = new Connection(await start(Silent, {}, late));
        connection.socket.write(signed);
        await connection.until(({ received }) => received.includes('result=OK') && replyErrors.length === 1);
        expect(replyErrors[0]).to.have.property('code', 'ERR_STREAM_WRITE_AFTER_END');
        expect(connection.received).to.not.include('too late');
      });

      it('ends nothing when writing the reply throws, and closes the connection', async () => {
        @DragonpayCallback()
        class Silent {
          @OnPost() post() {}
        }
        const broken: InFront = (_, response) => {
          response.writeHead = () => {
            throw new Error('a broken middleware');
          };
          // Koa writes after the adapter; Express writes a header of its own before it.
          if (name.startsWith('Koa')) response.setHeader = response.writeHead as never;
        };
        const connection = new Connection(await start(Silent, {}, broken));
        connection.socket.write(signed);
        await connection.until(({ isClosed }) => isClosed);
        expect(replyErrors).to.have.length(1);
      });
    }

    it('refuses each header of @OnDispatch that frames the message with 500', async () => {
      const names = [
        'Content-Length',
        'content-length',
        'TRANSFER-ENCODING',
        'Trailer',
        'Connection',
        'keep-alive',
        'Upgrade',
      ];
      let index = 0;
      @DragonpayCallback()
      class Framing {
        @OnDispatch() async around(_: CallbackRequest, next: () => Promise<CallbackReply>) {
          const reply = await next();
          return { ...reply, headers: { ...reply.headers, [names[index++] ?? '']: '3' } };
        }
      }
      const port = await start(Framing);
      for (const header of names) {
        const connection = new Connection(port);
        connection.socket.write(signed);
        await connection.until(isAnswered);
        expect(connection.received, header)
          .to.match(/^HTTP\/1\.1 500 /)
          .and.include('error=handler-failed');
      }
      expect(replyErrors).to.deep.equal([]);
    });

    if (!readsBody) return;

    it('is answered 408 when its body does not arrive, and the connection closes', async () => {
      @DragonpayCallback()
      class Silent {
        @OnPost() post() {}
      }
      const connection = new Connection(await start(Silent, { bodyMilliseconds: 50 }));
      connection.socket.write(halfSent);
      await connection.until(({ isClosed }) => isClosed);
      expect(connection.received)
        .to.match(/^HTTP\/1\.1 408 /)
        .and.include('error=body-timeout');
    });

    it('does not keep close() waiting with half a body: it is answered 503', async () => {
      @DragonpayCallback()
      class Silent {
        @OnPost() post() {}
      }
      const connection = new Connection(await start(Silent));
      connection.socket.write(halfSent);
      const drip = setInterval(() => connection.socket.write('x'), 20);
      await sleep(50);
      const startedAt = performance.now();
      expect(await dragonpay.close()).to.equal(true);
      expect(performance.now() - startedAt).to.be.below(1_000);
      await connection.until(({ isClosed }) => isClosed);
      clearInterval(drip);
      expect(connection.received)
        .to.match(/^HTTP\/1\.1 503 /)
        .and.include('error=closing');
    });

    it('cannot make the server read on after 413', async () => {
      @DragonpayCallback()
      class Silent {
        @OnPost() post() {}
      }
      const connection = new Connection(await start(Silent));
      const chunk = `4000\r\n${'a'.repeat(0x4000)}\r\n`;
      connection.socket.write(head('transfer-encoding: chunked'));
      const startedAt = performance.now();
      while (!connection.socket.destroyed && performance.now() - startedAt < 5_000) {
        if (!connection.socket.write(chunk)) await sleep(20);
      }
      await connection.until(({ isClosed }) => isClosed);
      expect(connection.socket.bytesWritten).to.be.below(5_000_000);
      expect(connection.received).to.match(/^HTTP\/1\.1 413 /);
    });
  });
}

describe('An attack over HTTP/2', () => {
  it('is answered 408 when its body does not arrive, 503 on close(), and the streams end', async () => {
    @DragonpayCallback()
    class Silent {
      @OnPost() post() {}
    }
    for (const [limits, status] of [
      [{ bodyMilliseconds: 50 }, 408],
      [{}, 503],
    ] as const) {
      const dragonpay = testDragonpay({ limits });
      const server = createServer2(toNodeListener(dragonpay.endpoint(Silent)) as never).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const client = connect2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      const stream = client.request({
        ':method': 'POST',
        ':path': '/',
        'content-type': 'application/x-www-form-urlencoded',
      });
      stream.on('error', () => {});
      stream.write('txnid=');
      const responded = once(stream, 'response');
      await sleep(30);
      if (status === 503) expect(await dragonpay.close({ milliseconds: 1_000 })).to.equal(true);
      const [headers] = await responded;
      expect(headers[':status']).to.equal(status);
      stream.resume();
      if (!stream.closed) await once(stream, 'close');
      client.destroy();
      server.close();
    }
  });
});
