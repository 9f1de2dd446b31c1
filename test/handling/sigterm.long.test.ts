import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Receivers } from '../support/receivers.js';
import { sendForm } from '../support/send-form.js';
import { createPayments, paid, SlowShop } from '../support/slow-shops.js';

describe('SIGTERM under load', function () {
  const receivers = Receivers.forSuite(this);
  this.timeout(60_000);

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
        // Uses a new connection: the server may close a kept-alive one at the moment of a request.
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
    // The gateway would send these callbacks again, to the next process.
    const answers = await Promise.all(unanswered.map((txnid) => successor.send(paid(txnid))));
    for (const { status } of answers) expect(status).to.equal(200);
    for (const txnid of txnids) expect(await receivers.storedOf(txnid)).to.equal('S, 1 effects');
    await successor.stop();
  });
});
