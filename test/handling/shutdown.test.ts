import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { dispatchSigned, paymentFields } from '../support/dispatch-signed.js';
import { Receivers } from '../support/receivers.js';
import { sendForm } from '../support/send-form.js';
import { createPayments, paid, SlowShop } from '../support/slow-shops.js';

describe('shutting down', function () {
  const receivers = Receivers.forSuite(this);

  describe('SIGTERM under load', () => {
    it('answers everything that was accepted, and loses nothing', async () => {
      const shop = await SlowShop.start(receivers.database.url, { pool: 4 });
      const successor = await SlowShop.start(receivers.database.url, { pool: 4 });
      const txnids = Array.from({ length: 400 }, (_, number) => `${number % 80 === 0 ? 'slow' : 'load'}-${number}`);
      await createPayments(receivers.database, txnids);
      let answered = 0;
      const unanswered: string[] = [];
      const queue = [...txnids];
      const sender = async () => {
        for (let txnid = queue.shift(); txnid !== undefined; txnid = queue.shift()) {
          // A connection of its own: on one that is kept alive, a request may cross with its end.
          const answer = await sendForm(shop.port, paid(txnid)).catch(() => undefined);
          if (answer !== undefined) {
            answered++;
            expect([200, 503]).to.include(answer.status);
            if (answer.status === 503) expect(answer.headers['retry-after']).to.equal('30');
          }
          if (answer?.status === 200) expect(await receivers.storedOf(txnid)).to.equal('S, 1 effects');
          else unanswered.push(txnid);
        }
      };
      const senders = Promise.all(Array.from({ length: 20 }, sender));
      await sleep(400);
      expect(queue.length, 'still under load').to.be.greaterThan(0);
      const report = await shop.stop();
      await senders;
      expect(report.isDrained).to.equal(true);
      expect(report.answered).to.equal(report.received);
      expect(answered).to.equal(report.received);
      expect(answered).to.be.greaterThan(10);
      expect(unanswered.length).to.be.greaterThan(0);
      // The gateway sends them again, to the next process.
      const answers = await Promise.all(unanswered.map((txnid) => successor.send(paid(txnid))));
      for (const { status } of answers) expect(status).to.equal(200);
      for (const txnid of txnids) expect(await receivers.storedOf(txnid)).to.equal('S, 1 effects');
      await successor.stop();
    });
  });

  describe('close()', () => {
    it('takes no more callbacks, and tells senders to come back', async () => {
      const { dragonpay, endpoint } = receivers.make();
      expect(await dragonpay.close()).to.equal(true);
      const reply = await dispatchSigned(endpoint, paymentFields());
      expect([reply.status, reply.body, reply.headers['Retry-After']]).to.deep.equal([503, 'error=closing', '30']);
    });

    it('waits for the statements of a callback that was answered at its deadline', async () => {
      const shop = receivers.make({ limits: { handlerMilliseconds: 100, storeMilliseconds: 100 }, connections: 1 });
      const txnid = await receivers.newPayment();
      const held = await shop.pool.connect();
      expect(await shop.told(txnid)).to.equal('503 error=unstored');
      expect(await shop.dragonpay.close({ milliseconds: 50 })).to.equal(false);
      held.release();
      expect(await shop.dragonpay.close()).to.equal(true);
      expect(await receivers.storedOf(txnid)).to.equal('S, 1 effects');
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
