import { expect } from 'chai';
import type { DragonpaySettings } from '../../../src/index.js';
import { encodeCallback, signCallback } from '../../../src/testing.js';
import { postForm } from '../../support/callback-request.js';
import {
  dispatchSigned,
  paymentFields,
  secretKey,
  testDragonpay,
  testEndpoint,
} from '../../support/dispatch-signed.js';
import {
  errorReply,
  firstSeen,
  forgetSeen,
  payoutFields,
  Recording,
  repositoryWith,
  resultOk,
  Silent,
} from '../../support/recording-handlers.js';

describe('Step 2, check', () => {
  beforeEach(forgetSeen);

  describe('the kinds of an endpoint', () => {
    const lines: Array<
      [
        what: string,
        settings: Partial<DragonpaySettings>,
        kinds: Array<'payment' | 'payout'> | undefined,
        takes: string,
      ]
    > = [
      ['the configured kinds by default', {}, undefined, 'payment payout'],
      ['the kinds that it names', {}, ['payment', 'payout'], 'payment payout'],
      ['payments only, if it names them', {}, ['payment'], 'payment'],
      ['payouts only, if it names them', {}, ['payout'], 'payout'],
      ['payments only, if payouts are not configured', { payout: undefined }, undefined, 'payment'],
      ['payouts only, if payments are not configured', { verification: undefined }, undefined, 'payout'],
      ['the named kinds that are configured', { payout: undefined }, ['payment', 'payout'], 'payment'],
    ];
    for (const [what, settings, kinds, takes] of lines) {
      it(`an endpoint accepts ${what}`, async () => {
        const repository = await repositoryWith();
        const endpoint = testDragonpay({ repository, ...settings }).endpoint(Silent, kinds && { kinds });
        for (const [kind, fields] of [
          ['payment', paymentFields()],
          ['payout', payoutFields],
        ] as const) {
          const expected = takes.includes(kind) ? resultOk : errorReply(400, 'kind-not-accepted');
          expect(await dispatchSigned(endpoint, fields), kind).to.deep.equal(expected);
        }
      });
    }

    it('a payment with the renamed id field does not move a payout', async () => {
      const repository = await repositoryWith();
      await repository.createPayout({ merchantTxnId: 'T-1', amount: '100.00' });
      const { txnid, ...others } = signCallback(paymentFields(), { sha1: { secretKey } });
      const renamed = encodeCallback({ merchantTxnId: txnid as string, ...others });
      // With the same secret and the same id, only the refno tells the two apart.
      await testEndpoint(Recording, { repository }).dispatch(postForm(renamed));
      expect(firstSeen().update).to.deep.equal({ outcome: 'mismatch', current: 'P', differs: ['refno'] });
      expect((await repository.findPayout('T-1'))?.status).to.equal('P');
    });
  });
});
