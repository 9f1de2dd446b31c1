import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { dispatchSigned, paymentFields } from '../support/dispatch-signed.js';
import { Receivers } from '../support/receivers.js';

describe('shutting down', function () {
  const receivers = Receivers.forSuite(this);

  describe('close()', () => {
    it('takes no more callbacks, and tells senders to come back', async () => {
      const { dragonpay, endpoint } = receivers.make();
      expect(await dragonpay.close()).to.equal(true);
      const reply = await dispatchSigned(endpoint, paymentFields());
      expect([reply.status, reply.body, reply.headers['Retry-After']]).to.deep.equal([503, 'error=closing', '30']);
    });

    it('waits for a callback that was answered 503 before it had a connection, and stores nothing', async () => {
      const shop = receivers.make({ limits: { handlerMilliseconds: 100, storeMilliseconds: 100 }, connections: 1 });
      const txnid = await receivers.newPayment();
      const held = await shop.pool.connect();
      expect(await shop.told(txnid)).to.equal('503 error=unstored');
      expect(await shop.dragonpay.close({ milliseconds: 50 })).to.equal(false);
      held.release();
      expect(await shop.dragonpay.close()).to.equal(true);
      expect(await receivers.storedOf(txnid)).to.equal('P, 0 effects');
    });

    it('is bound, whatever handlers do', async () => {
      const shop = receivers.make({ limits: { handlerMilliseconds: 1_500 } });
      shop.work = () => new Promise(() => {});
      const answer = shop.told(await receivers.newPayment());
      await sleep(100);
      const startedAt = performance.now();
      expect(await shop.dragonpay.close({ milliseconds: 200 })).to.equal(false);
      expect(performance.now() - startedAt).to.be.within(190, 1_000);
      expect(await answer).to.equal('503 error=handler-deadline');
      expect(await shop.dragonpay.close()).to.equal(true);
    });
  });
});
