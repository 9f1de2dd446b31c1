import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { CuttingProxy, type Verdict } from '../../faults/cutting-proxy.js';
import { Receivers } from '../../support/receivers.js';

describe('lost connections', function () {
  const receivers = Receivers.forSuite(this);

  describe('a connection that dies', () => {
    const move = 'dragonpay-payment-move';
    const cases: ReadonlyArray<{
      at: string;
      what: string;
      verdict: Verdict;
      status: string;
      kept: string;
      again: string;
    }> = [
      { at: 'commit\0', what: 'before COMMIT', verdict: 'cut', status: 'S', kept: 'P, 0 effects', again: 'applied' },
      ...(['swallow', 'silence'] as const).map((verdict) => ({
        ...{ at: 'commit\0', what: `between COMMIT and its answer (${verdict})`, verdict, status: 'S' },
        ...{ kept: 'S, 1 effects', again: 'duplicate' },
      })),
      // U has no @OnStatus method, so there is only one statement.
      {
        at: move,
        what: 'before the one statement',
        verdict: 'cut',
        status: 'U',
        kept: 'P, 0 effects',
        again: 'applied',
      },
      {
        ...{ at: move, what: 'between the one statement and its answer', verdict: 'swallow', status: 'U' },
        ...{ kept: 'U, 0 effects', again: 'duplicate' },
      },
    ];
    for (const isNamed of [true, false]) {
      for (const { at, what, verdict, status, kept, again } of cases) {
        const pool = isNamed ? 'pool' : 'plain pool';
        it(`${what} answers 5xx; the next try succeeds (${pool})`, async () => {
          const proxy = await CuttingProxy.start(Number(new URL(receivers.database.url).port));
          const shop = receivers.make({ isNamed }, proxy.through(receivers.database.url));
          const txnid = await receivers.newPayment();
          let cuts = 0;
          proxy.judge = (said) => (said.includes(at) && cuts++ === 0 ? verdict : 'pass');
          try {
            expect(await shop.told(txnid, status)).to.equal('503 error=unstored');
            expect(cuts).to.equal(1);
            expect(await receivers.storedOf(txnid)).to.equal(kept);
            expect(await shop.told(txnid, status)).to.equal(`200 ${again}`);
            expect(await receivers.storedOf(txnid)).to.equal(status === 'S' ? 'S, 1 effects' : 'U, 0 effects');
            const [event] = await shop.repository.callbacks({ txnid });
            expect(event).to.include({ outcome: 'applied', deliveries: again === 'applied' ? 1 : 2 });
          } finally {
            await proxy.close();
          }
        });
      }
    }
  });

  it('a connection that dies in the packet that it became ready in does not end the process', async () => {
    const message = (type: string, body: Buffer) => {
      const length = Buffer.alloc(4);
      length.writeInt32BE(4 + body.length);
      return Buffer.concat([Buffer.from(type), length, body]);
    };
    const fatal = message('E', Buffer.from('SFATAL\0C57P01\0Mgoing down\0\0'));
    const readyAndGone = Buffer.concat([message('R', Buffer.alloc(4)), message('Z', Buffer.from('I')), fatal]);
    const server = createServer((socket) => socket.once('data', () => socket.end(readyAndGone)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const shop = receivers.make({ connections: 1 }, `postgres://nobody@127.0.0.1:${port}/nothing?sslmode=disable`);
    expect(await shop.told('anybody')).to.equal('503 error=unstored');
    // An error event without a listener would have failed this test by now.
    await sleep(50);
    server.close();
  });
});
