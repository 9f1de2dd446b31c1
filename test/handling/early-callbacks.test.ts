import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { DragonpayCallback, MemoryRepository, OnPost } from '../../src/index.js';
import { dispatchSigned, paymentFields, testDragonpay } from '../support/dispatch-signed.js';

@DragonpayCallback()
class Shop {
  @OnPost() answer({ update }: { valid: boolean; update: { outcome: string } }) {
    return update.outcome;
  }
}

/** A receiver whose callbacks wait for their rows, in front of a repository that counts how often it looks. */
function receiver(earlyMilliseconds: number) {
  const looks = { count: 0, fail: false };
  class Counting extends MemoryRepository {
    override findPayment(...given: Parameters<MemoryRepository['findPayment']>) {
      looks.count++;
      return looks.fail ? Promise.reject(new Error('the database is gone')) : super.findPayment(...given);
    }
  }
  const repository = new Counting();
  const dragonpay = testDragonpay({ repository, limits: { earlyMilliseconds } });
  const endpoint = dragonpay.endpoint(Shop);
  const deliver = async (txnid: string, status = 'S') =>
    (await dispatchSigned(endpoint, paymentFields({ txnid, status }))).body;
  return { repository, dragonpay, deliver, looks };
}

describe('Callbacks that wait for their row', () => {
  it('are 1,000 at most: more are answered at once, until one has ended', async () => {
    const { repository, deliver, looks } = receiver(1_000);
    let ended = 0;
    const waiting = Array.from({ length: 1_000 }, async (_, index) => {
      const outcome = await deliver(`T-${index}`);
      ended++;
      return outcome;
    });
    expect(await deliver('T-1000')).to.equal('not-found');
    // Not even for the callback of its row that waits.
    expect(await deliver('T-0', 'P')).to.equal('not-found');
    expect(ended, 'while the others wait').to.equal(0);
    expect(new Set(await Promise.all(waiting))).to.deep.equal(new Set(['not-found']));
    // With fixed pauses, there were 6,000.
    expect(looks.count).to.be.within(1_000, 4_000);
    const before = looks.count;
    const next = deliver('T-1000');
    for (let tries = 0; tries < 100 && looks.count === before; tries++) await sleep(5);
    await repository.createPayment({ txnid: 'T-1000', amount: '100.00' });
    expect(await next).to.equal('applied');
  });

  it('are answered as not-found if the database fails when it looks for the row', async () => {
    const { repository, deliver, looks } = receiver(200);
    looks.fail = true;
    expect(await deliver('T-1')).to.equal('not-found');
    expect(looks.count).to.equal(1);
    const [event] = await repository.callbacks();
    expect(event).to.include({ outcome: 'not-found', deliveries: 1 });
  });

  it('are only those of requests: replay() does not wait', async () => {
    const { repository, dragonpay, deliver, looks } = receiver(100);
    await deliver('T-1');
    looks.count = 0;
    const [event] = await repository.callbacks();
    expect(await dragonpay.replay(event?.key ?? '')).to.include({ outcome: 'not-found' });
    expect(looks.count).to.equal(0);
  });
});
