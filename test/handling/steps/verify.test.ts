import { expect } from 'chai';
import { failures, type ReplyCode } from '../../../src/errors.js';
import { type DragonpaySettings, type InvalidCallback, reply } from '../../../src/index.js';
import type { CallbackRequest } from '../../../src/model/callback-request.js';
import { getQuery, makeRequest, postForm } from '../../support/callback-request.js';
import { paymentFields, testEndpoint } from '../../support/dispatch-signed.js';
import {
  errorReply,
  firstSeen,
  forgetSeen,
  formOf,
  payoutFields,
  Recording,
  repositoryWith,
  retry,
  returning,
  Strict,
  seen,
} from '../../support/recording-handlers.js';

describe('Step 3, verify', () => {
  beforeEach(forgetSeen);

  it('an invalid callback carries its issues and the received fields', async () => {
    const repository = await repositoryWith();
    const request = postForm('txnid=T-1&refno=R1&status=S&amount=free&note=a+b&merchantid=a:b');
    expect(await testEndpoint(Recording, { repository }).dispatch(request)).to.deep.equal(
      errorReply(400, 'malformed-field'),
    );
    const { signal, ...rest } = firstSeen<InvalidCallback>();
    expect(rest).to.deep.equal({
      valid: false,
      origin: 'callback',
      method: 'POST',
      issues: [
        { code: 'malformed-field', field: 'merchantid', message: 'merchantid is malformed' },
        { code: 'malformed-field', field: 'amount', message: 'amount is malformed' },
      ],
      received: [
        ['txnid', 'T-1'],
        ['refno', 'R1'],
        ['status', 'S'],
        ['amount', 'free'],
        ['note', 'a b'],
        ['merchantid', 'a:b'],
      ],
      update: { outcome: 'skipped' },
      request,
    });
    expect(signal).to.be.instanceOf(AbortSignal);
    expect(await repository.callbacks()).to.deep.equal([]);
  });

  describe('an invalid callback', () => {
    const rsaDown: Partial<DragonpaySettings> = {
      apiKey: 'k',
      verification: { rsa: {} },
      fetch: () => Promise.reject(new Error('down')),
    };
    const onlyPayments: Partial<DragonpaySettings> = { payout: undefined };
    /** Callbacks with this verdict may reach the handler. */
    const lines: Array<
      [code: ReplyCode, request: () => CallbackRequest, invalid: boolean, settings?: Partial<DragonpaySettings>]
    > = [
      ['unsupported-media-type', () => postForm('a=b', { headers: { 'content-type': 'application/json' } }), false],
      [
        'unsupported-content-encoding',
        () =>
          postForm('', { headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-encoding': 'br' } }),
        false,
      ],
      ['body-too-large', () => postForm('a'.repeat(16_385)), false],
      ['body-too-large', () => postForm('a&'.repeat(65)), false],
      ['query-too-long', () => getQuery('a'.repeat(8193)), false],
      ['query-too-long', () => getQuery('a&'.repeat(65)), false],
      ['body-aborted', () => makeRequest({ body: { kind: 'aborted' } }), false],
      ['body-consumed', () => makeRequest({ body: { kind: 'consumed', hint: 'a logger' } }), false],
      ['address-not-allowed', () => postForm(formOf(paymentFields())), false, { allowFrom: ['203.0.113.7'] }],
      ['keys-unavailable', () => postForm(`txnid=A&refno=R&status=S&signatures=${'A'.repeat(344)}`), false, rsaDown],
      ['keys-unavailable', () => getQuery(`txnid=A&refno=R&status=S&signatures=${'A'.repeat(344)}`), false, rsaDown],
      ['invalid-utf8', () => getQuery('txnid=%ff'), true],
      ['nul-character', () => postForm('message=%00'), true],
      ['repeated-field', () => postForm(`${formOf(paymentFields())}&TXNID=T-1`), true],
      ['altered-by-parser', () => makeRequest({ body: { kind: 'fields', fields: [['txnid', 1]] } }), true],
      ['ambiguous-kind', () => postForm(`${formOf(paymentFields())}&merchantTxnId=O-1`), true],
      ['kind-not-accepted', () => postForm(formOf(payoutFields)), true, onlyPayments],
      ['missing-field', () => getQuery(''), true],
      ['missing-field', () => postForm(''), true],
      ['malformed-field', () => postForm('txnid=a:b&refno=R&status=S'), true],
      ['merchant-mismatch', () => postForm(formOf(paymentFields({ merchantid: 'OTHER' }))), true],
      ['proof-missing', () => getQuery('txnid=T-1&refno=R1&status=S'), true],
      ['proof-mismatch', () => postForm(formOf(paymentFields()).replace('status=S', 'status=F')), true],
    ];
    for (const [index, [code, request, invalid, settings]] of lines.entries()) {
      const { status } = failures[code];
      const expected = errorReply(status, code, status === 503 ? retry : {});
      it(`${code} (${index + 1}) is answered ${status}, ${invalid ? 'and the handler sees it' : 'without a handler'}`, async () => {
        const repository = await repositoryWith();
        const { method } = request();
        expect(await testEndpoint(Recording, { repository, ...settings }).dispatch(request())).to.deep.equal(expected);
        expect(seen.map(([name, { valid }]) => [name, valid])).to.deep.equal(
          invalid ? [[method.toLowerCase(), false]] : [],
        );
        if (invalid) expect(firstSeen<InvalidCallback>().issues[0]?.code).to.equal(code);
        expect(await repository.callbacks()).to.deep.equal([]);
        expect((await repository.findPayment('T-1'))?.status).to.equal('P');
      });

      it(`${code} (${index + 1}) calls no handler with allowInvalidData: false`, async () => {
        const repository = await repositoryWith();
        expect(await testEndpoint(Strict, { repository, ...settings }).dispatch(request())).to.deep.equal(expected);
        expect(seen).to.deep.equal([]);
      });

      it(`${code} (${index + 1}) stores nothing, whatever a handler returns`, async () => {
        const repository = await repositoryWith();
        const Class = returning(reply.text('no', { status: 422 }));
        const answered = await testEndpoint(Class, { repository, ...settings }).dispatch(request());
        if (invalid) expect(answered).to.include({ status: 422, body: 'no' });
        else expect(answered).to.deep.equal(expected);
        expect(await repository.callbacks()).to.deep.equal([]);
      });
    }
  });
});
