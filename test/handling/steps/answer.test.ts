import { expect } from 'chai';
import { type Callback, DragonpayCallback, OnGet, OnPost, reply } from '../../../src/index.js';
import type { CallbackReply } from '../../../src/model/callback-request.js';
import { dispatchForged, dispatchSigned, paymentFields, testEndpoint } from '../../support/dispatch-signed.js';
import {
  errorReply,
  forgetSeen,
  plainText,
  Recording,
  repositoryWith,
  resultOk,
  returning,
  seen,
} from '../../support/recording-handlers.js';

describe('Step 6, answer', () => {
  beforeEach(forgetSeen);

  describe('the result of a handler method', () => {
    const lines: Array<[what: string, result: unknown, expected: CallbackReply]> = [
      ['text', 'Thank you', { ...resultOk, body: 'Thank you' }],
      ['empty text', '', { ...resultOk, body: '' }],
      ['nothing', undefined, resultOk],
      ['reply.text', reply.text('Later', { status: 503 }), { ...resultOk, status: 503, body: 'Later' }],
      [
        'reply.json',
        reply.json([1]),
        { status: 200, headers: { ...plainText, 'Content-Type': 'application/json; charset=utf-8' }, body: '[1]' },
      ],
      [
        'reply.html',
        reply.html`<b>${'<'}</b>`,
        { status: 200, headers: { ...plainText, 'Content-Type': 'text/html; charset=utf-8' }, body: '<b>&#60;</b>' },
      ],
      [
        'reply.redirect',
        reply.redirect('/thanks'),
        { status: 303, headers: { ...plainText, Location: '/thanks' }, body: '' },
      ],
      ...[null, 0, 200, true, {}, [], { status: 200, headers: {}, body: 'forged' }, new Response('web')].map(
        (garbage): [string, unknown, CallbackReply] => [
          JSON.stringify(garbage),
          garbage,
          errorReply(500, 'handler-failed'),
        ],
      ),
    ];
    for (const [what, result, expected] of lines) {
      it(`a handler result of ${what} is answered ${expected.status}`, async () => {
        const Class = returning(result);
        expect(await dispatchSigned(testEndpoint(Class))).to.deep.equal(expected);
        expect(await dispatchSigned(testEndpoint(Class), paymentFields(), 'GET')).to.deep.equal(expected);
        expect(seen).to.have.length(2);
      });
    }

    it('a handler result is also the reply to an invalid callback', async () => {
      expect(await dispatchForged(testEndpoint(returning(reply.text('no', { status: 403 }))))).to.include({
        status: 403,
      });
      expect(await dispatchForged(testEndpoint(returning(undefined)))).to.deep.equal(errorReply(400, 'proof-mismatch'));
      expect(await dispatchForged(testEndpoint(returning({})))).to.deep.equal(errorReply(500, 'handler-failed'));
    });
  });

  describe('a handler method that fails', () => {
    const thrown: Array<[what: string, error: unknown]> = [
      ['an error', new Error('sw0rdfish')],
      ['an error like a reply', Object.assign(new Error('sw0rdfish'), { status: 200, body: 'sw0rdfish' })],
      ['text', 'sw0rdfish'],
      ['a reply', reply.text('sw0rdfish')],
      ['nothing', undefined],
      ['null', null],
      ['an unprintable object', Object.create(null)],
    ];
    for (const [what, error] of thrown) {
      for (const settles of ['throws', 'rejects with'] as const) {
        it(`a handler that ${settles} ${what} is answered 500, leaking nothing`, async () => {
          @DragonpayCallback()
          class Failing {
            @OnPost() post(_: Callback): Promise<void> {
              if (settles === 'throws') throw error;
              return Promise.reject(error);
            }
            @OnGet() get(callback: Callback) {
              return this.post(callback);
            }
          }
          const repository = await repositoryWith();
          const endpoint = testEndpoint(Failing, { repository });
          const failed = errorReply(500, 'handler-failed');
          expect(await dispatchSigned(endpoint, paymentFields(), 'GET')).to.deep.equal(failed);
          expect(await dispatchForged(endpoint)).to.deep.equal(failed);
          expect(await dispatchSigned(endpoint)).to.deep.equal(failed);
          expect((await repository.findPayment('T-1'))?.status, 'what is stored is stored').to.equal('S');
        });
      }
    }

    it('an instance without the method is answered 500', async () => {
      const endpoint = testEndpoint(Recording, { resolver: { get: () => ({}) } });
      expect(await dispatchSigned(endpoint)).to.deep.equal(errorReply(500, 'handler-failed'));
    });
  });
});
