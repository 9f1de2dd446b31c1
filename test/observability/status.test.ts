import { expect } from 'chai';
import { DragonpayCallback, MemoryRepository, OnPost, OnStatus } from '../../src/index.js';
import { dispatchForged, dispatchSigned, paymentFields, testDragonpay } from '../support/dispatch-signed.js';
import { merchantKey } from '../support/proofs.js';

@DragonpayCallback()
class Silent {
  @OnPost() post() {}
}

/** A receiver whose effects run until they are released. */
async function holding() {
  const releases: Array<() => void> = [];
  @DragonpayCallback()
  class Holding {
    @OnStatus('S') ship() {
      return new Promise<void>((resolve) => releases.push(resolve));
    }
  }
  const repository = new MemoryRepository();
  for (const txnid of ['T-1', 'T-2']) await repository.createPayment({ txnid, amount: '100.00' });
  const dragonpay = testDragonpay({ repository });
  const endpoint = dragonpay.endpoint(Holding);
  const running = async (count: number) => {
    while (releases.length < count) await new Promise(setImmediate);
  };
  return { dragonpay, endpoint, running, release: () => releases.splice(0).forEach((one) => void one()) };
}

describe('status()', () => {
  it('is empty for a new receiver', () => {
    expect(testDragonpay().status()).to.deep.equal({
      closing: false,
      inFlight: 0,
      waiting: 0,
      lastVerifiedAt: undefined,
      publicKeys: undefined,
    });
  });

  it('counts the callbacks that wait to be stored, and a copy as well', async () => {
    const { dragonpay, endpoint, running, release } = await holding();
    const fields = [{ txnid: 'T-1' }, { txnid: 'T-1' }, { txnid: 'T-2' }].map(paymentFields);
    const replies = fields.map((one) => dispatchSigned(endpoint, one));
    await running(2);
    expect(dragonpay.status().waiting).to.equal(3);
    expect(dragonpay.status().inFlight).to.be.at.least(3);
    release();
    for (const reply of await Promise.all(replies)) expect(reply.status).to.equal(200);
    await new Promise(setImmediate);
    expect(dragonpay.status()).to.include({ waiting: 0, inFlight: 0 });
  });

  it('counts nothing more after a method or the database failed', async () => {
    @DragonpayCallback()
    class Failing {
      @OnStatus('S') ship() {
        throw new Error('no courier');
      }
    }
    class Broken extends MemoryRepository {
      override async store(): Promise<never> {
        throw new Error('connection refused');
      }
    }
    const working = new MemoryRepository();
    await working.createPayment({ txnid: 'T-1', amount: '100.00' });
    for (const repository of [working, new Broken()]) {
      const dragonpay = testDragonpay({ repository });
      expect((await dispatchSigned(dragonpay.endpoint(Failing))).status).to.be.at.least(500);
      await new Promise(setImmediate);
      expect(dragonpay.status()).to.include({ waiting: 0, inFlight: 0 });
    }
  });

  it('tells when a callback was verified last: not one that was refused', async () => {
    const dragonpay = testDragonpay();
    const endpoint = dragonpay.endpoint(Silent);
    await dispatchForged(endpoint);
    expect(dragonpay.status().lastVerifiedAt).to.equal(undefined);
    const before = Date.now();
    await dispatchSigned(endpoint);
    expect(dragonpay.status().lastVerifiedAt?.getTime()).to.be.within(before, Date.now());
  });

  it('tells that close() was called while it still waits', async () => {
    const { dragonpay, endpoint, running, release } = await holding();
    const reply = dispatchSigned(endpoint);
    await running(1);
    const closed = dragonpay.close();
    expect(dragonpay.status()).to.include({ closing: true, waiting: 1 });
    release();
    expect(await closed).to.equal(true);
    expect((await reply).status).to.equal(200);
  });

  it('has usable keys if the settings have them', () => {
    const dragonpay = testDragonpay({ verification: { rsa: { publicKeys: [merchantKey().publicKeyPem] } } });
    expect(dragonpay.status().publicKeys).to.deep.equal({ usable: true, fresh: true, problem: undefined });
  });
});
