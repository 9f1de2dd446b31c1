import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { DragonpayCallback, MemoryRepository, OnStatus } from '../../src/index.js';
import { encodeCallback, signCallback } from '../../src/protocol/sign-callback.js';
import { paymentFields, secretKey, testDragonpay } from '../support/dispatch-signed.js';
import { type FormAnswer, sendForm } from '../support/send-form.js';
import { adapterServers } from '../support/servers.js';

describe('close() under load', function () {
  this.timeout(30_000);
  this.slow(5_000);

  for (const { name, serve } of adapterServers) {
    it(`answers everything on ${name}`, async () => {
      let running = 0;
      const paid: string[] = [];
      @DragonpayCallback()
      class Shop {
        @OnStatus('S')
        async paid({ data: { txnid } }: { data: { txnid: string } }) {
          running++;
          await sleep(20 + Math.random() * 60);
          paid.push(txnid);
          running--;
        }
      }
      const repository = new MemoryRepository();
      const dragonpay = testDragonpay({ repository });
      const server = await serve(dragonpay.endpoint(Shop), 'plain');
      try {
        const { port } = new URL(server.url);
        const answers = new Map<string, FormAnswer>();
        let isOpen = true;
        let sent = 0;
        const sender = async () => {
          while (isOpen) {
            const txnid = `T-${sent++}`;
            await repository.createPayment({ txnid, amount: '100.00' });
            const form = encodeCallback(signCallback(paymentFields({ txnid }), { sha1: { secretKey } }));
            // Rejects without a complete answer.
            answers.set(txnid, await sendForm(Number(port), form));
          }
        };
        const senders = Promise.all(Array.from({ length: 12 }, sender));
        while (paid.length < 20) await sleep(5);
        expect(running, 'methods that run when it closes').to.be.greaterThan(0);
        expect(await dragonpay.close()).to.equal(true);
        expect(running, 'methods that run when it has closed').to.equal(0);
        const paidThen = paid.length;
        await sleep(100);
        isOpen = false;
        await senders;

        expect(answers.size).to.equal(sent);
        const of = (status: number) => [...answers].filter(([, answer]) => answer.status === status);
        const refused = of(503);
        expect(refused.length).to.be.greaterThan(0);
        for (const [, { headers, body }] of refused) {
          expect([headers['retry-after'], body]).to.deep.equal(['30', 'error=closing']);
        }
        expect(of(200).length + refused.length).to.equal(sent);
        expect(paid.length, 'nothing ran after close()').to.equal(paidThen);
        expect(
          of(200)
            .map(([txnid]) => txnid)
            .sort(),
        ).to.deep.equal([...paid].sort());
        for (const [txnid, { status }] of answers) {
          expect((await repository.findPayment(txnid))?.status).to.equal(status === 200 ? 'S' : 'P');
        }
      } finally {
        await server.close();
      }
    });
  }
});
