import { expect } from 'chai';
import { failures, type ReplyCode } from '../../src/errors.js';
import {
  type Callback,
  type CallbackKind,
  DragonpayCallback,
  type DragonpaySettings,
  type HandlerResult,
  type InvalidCallback,
  MemoryRepository,
  type MemoryTransaction,
  OnDispatch,
  OnGet,
  OnPost,
  OnStatus,
  reply,
  type Status,
  type StoredCallback,
  type ValidCallback,
} from '../../src/index.js';
import type { CallbackReply, CallbackRequest } from '../../src/model/callback-request.js';
import { type CallbackFields, encodeCallback, signCallback } from '../../src/testing.js';
import { getQuery, makeRequest, postForm } from '../support/callback-request.js';
import {
  dispatchForged,
  dispatchSigned,
  paymentFields,
  secretKey,
  testDragonpay,
  testEndpoint,
} from '../support/dispatch-signed.js';

const plainText = {
  'Content-Type': 'text/plain; charset=utf-8',
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};
const resultOk: CallbackReply = { status: 200, headers: plainText, body: 'result=OK' };

/** The default reply to a failure, written again. */
function errorReply(status: number, code: string, more: Record<string, string> = {}): CallbackReply {
  return { status, headers: { ...plainText, ...more }, body: `error=${code}` };
}
const retry = { 'Retry-After': '30' };

/** What the handlers below saw, newest last. */
type Seen = Callback | StoredCallback<Status, unknown, CallbackKind>;

let seen: Array<[method: string, callback: Seen]> = [];

@DragonpayCallback()
class Recording {
  @OnGet() get(callback: Callback) {
    seen.push(['get', callback]);
  }
  @OnPost() post(callback: Callback) {
    seen.push(['post', callback]);
  }
}

@DragonpayCallback({ updateOnGet: true })
class UpdatingOnGet extends Recording {}

@DragonpayCallback({ allowInvalidData: false })
class Strict extends Recording {}

@DragonpayCallback()
class Silent {}

/** What the first method that was called saw. */
function firstSeen<Expected extends Seen = ValidCallback>(): Expected {
  const [first] = seen;
  if (first === undefined) throw new Error('no method was called');
  return first[1] as Expected;
}

/** A class whose every method returns this. */
function returning(result: unknown) {
  @DragonpayCallback()
  class Returning {
    @OnGet() get(callback: Callback) {
      seen.push(['get', callback]);
      return result as HandlerResult;
    }
    @OnPost() async post(callback: Callback) {
      seen.push(['post', callback]);
      return result as HandlerResult;
    }
  }
  return Returning;
}

/** A payment T-1 of 100.00 PHP, and a payout O-1, in these statuses. */
async function repositoryWith(status: 'P' | 'S' | 'F' = 'P'): Promise<MemoryRepository> {
  const repository = new MemoryRepository();
  const imported = status === 'P' ? {} : { status };
  await repository.createPayment({ txnid: 'T-1', amount: '100.00', ...imported });
  await repository.createPayout({ merchantTxnId: 'O-1', amount: '50.00', refno: 'R1' });
  return repository;
}

function formOf(fields: CallbackFields): string {
  return encodeCallback(signCallback(fields, { sha1: { secretKey } }));
}

const payoutFields: CallbackFields = { merchantTxnId: 'O-1', refno: 'R1', status: 'S', message: 'sent' };

describe('The dispatcher', () => {
  beforeEach(() => {
    seen = [];
  });

  describe('goes by the method', () => {
    const form = () => formOf(paymentFields());
    const lines: Array<[method: string, reply: CallbackReply, seen: number, status: string]> = [
      ['GET', resultOk, 1, 'P'],
      ['POST', resultOk, 1, 'S'],
      ['HEAD', { ...resultOk, body: '' }, 0, 'P'],
      [
        'OPTIONS',
        {
          status: 204,
          headers: { Allow: 'GET, HEAD, POST, OPTIONS', ...without(plainText, 'Content-Type') },
          body: '',
        },
        0,
        'P',
      ],
      ...[
        'PUT',
        'DELETE',
        'PATCH',
        'TRACE',
        'CONNECT',
        'get',
        'post',
        'head',
        'Post',
        '',
        ' POST',
        'constructor',
        '__proto__',
        'toString',
      ].map((method): [string, CallbackReply, number, string] => [
        method,
        errorReply(405, 'method-not-allowed', { Allow: 'GET, HEAD, POST, OPTIONS' }),
        0,
        'P',
      ]),
    ];
    for (const [method, expected, calls, status] of lines) {
      it(`${JSON.stringify(method)} is answered ${expected.status}`, async () => {
        const repository = await repositoryWith();
        const request = makeRequest({
          method,
          target: `/callback?${form()}`,
          body: { kind: 'text', text: form() },
        });
        expect(await testEndpoint(Recording, { repository }).dispatch(request)).to.deep.equal(expected);
        expect(seen).to.have.length(calls);
        expect(request.limitsAsked).to.have.length(method === 'POST' ? 1 : 0);
        expect((await repository.findPayment('T-1'))?.status).to.equal(status);
        expect(await repository.callbacks()).to.have.length(status === 'S' ? 1 : 0);
      });
    }

    it('and HEAD stores nothing even where GET does', async () => {
      const repository = await repositoryWith();
      const request = makeRequest({ method: 'HEAD', target: `/callback?${form()}` });
      expect(await testEndpoint(UpdatingOnGet, { repository }).dispatch(request)).to.include({ status: 200, body: '' });
      expect((await repository.findPayment('T-1'))?.status).to.equal('P');
      expect(seen).to.deep.equal([]);
    });
  });

  describe('answers a verified callback by what became of it:', () => {
    interface Line {
      readonly outcome: string;
      readonly fields: CallbackFields;
      readonly from?: 'P' | 'S' | 'F';
      readonly update?: object;
      /** The row's status in the end. */
      readonly row: string;
    }
    const lines: readonly Line[] = [
      { outcome: 'applied', fields: paymentFields(), update: { previous: 'P', current: 'S', late: false }, row: 'S' },
      {
        outcome: 'applied',
        fields: paymentFields({ status: 'P' }),
        update: { previous: 'P', current: 'P', late: false },
        row: 'P',
      },
      {
        outcome: 'applied',
        from: 'F',
        fields: paymentFields(),
        update: { previous: 'F', current: 'S', late: true },
        row: 'S',
      },
      { outcome: 'duplicate', from: 'S', fields: paymentFields(), update: { current: 'S' }, row: 'S' },
      { outcome: 'stale', from: 'S', fields: paymentFields({ status: 'F' }), update: { current: 'S' }, row: 'S' },
      {
        outcome: 'mismatch',
        fields: paymentFields({ amount: '99.99' }),
        update: { current: 'P', differs: ['amount'] },
        row: 'P',
      },
      {
        outcome: 'mismatch',
        fields: paymentFields({ ccy: 'USD' }),
        update: { current: 'P', differs: ['currency'] },
        row: 'P',
      },
      { outcome: 'unrecognized', fields: paymentFields({ status: 'D' }), row: 'P' },
      { outcome: 'unrecognized', fields: paymentFields({ status: 's' }), row: 'P' },
      { outcome: 'unrecognized', fields: paymentFields({ txnid: 'unknown', status: 'G' }), row: 'P' },
      { outcome: 'not-found', fields: paymentFields({ txnid: 'unknown' }), row: 'P' },
    ];
    for (const { outcome, fields, from, update, row } of lines) {
      it(`${outcome}, for ${fields.status} ${fields.amount ?? ''}${fields.ccy ?? ''} after ${from ?? 'nothing'}`, async () => {
        const repository = await repositoryWith(from);
        expect(await dispatchSigned(testEndpoint(Recording, { repository }), fields)).to.deep.equal(resultOk);
        expect(seen).to.have.length(1);
        const [method, callback] = seen[0] as [string, ValidCallback];
        expect(method).to.equal('post');
        expect(callback.valid).to.equal(true);
        expect(callback.update).to.deep.equal({ outcome, ...update });
        expect((await repository.findPayment('T-1'))?.status).to.equal(row);
        expect((await repository.callbacks()).map((event) => event.outcome)).to.deep.equal([outcome]);
      });
    }

    it('the default answer is the same where the class has no method', async () => {
      for (const { fields, from } of lines) {
        const endpoint = testEndpoint(Silent, { repository: await repositoryWith(from) });
        expect(await dispatchSigned(endpoint, fields)).to.deep.equal(resultOk);
        expect(await dispatchSigned(endpoint, fields, 'GET')).to.deep.equal(resultOk);
      }
    });

    it('a GET is skipped, and still answered by its method', async () => {
      const repository = await repositoryWith();
      expect(await dispatchSigned(testEndpoint(Recording, { repository }), paymentFields(), 'GET')).to.deep.equal(
        resultOk,
      );
      expect(seen.map(([method, { update }]) => [method, update])).to.deep.equal([['get', { outcome: 'skipped' }]]);
      expect(await repository.callbacks()).to.deep.equal([]);
    });

    it('a GET is stored with updateOnGet', async () => {
      const repository = await repositoryWith();
      const endpoint = testEndpoint(UpdatingOnGet, { repository });
      expect(await dispatchSigned(endpoint, paymentFields(), 'GET')).to.deep.equal(resultOk);
      expect(seen.map(([method, { update }]) => [method, update.outcome])).to.deep.equal([['get', 'applied']]);
      expect(await repository.callbacks()).to.have.length(1);
      expect(await dispatchSigned(endpoint)).to.deep.equal(resultOk);
      expect(seen.at(-1)?.[1].update).to.deep.equal({ outcome: 'duplicate', current: 'S' });
    });

    it('nothing is stored with saveData: false, and rows are looked up all the same', async () => {
      const repository = await repositoryWith('F');
      const endpoint = testEndpoint(UpdatingOnGet, { repository, saveData: false });
      for (const method of ['GET', 'POST'] as const) {
        expect(await dispatchSigned(endpoint, paymentFields(), method)).to.deep.equal(resultOk);
        const callback = seen.at(-1)?.[1] as ValidCallback;
        expect(callback.update).to.deep.equal({ outcome: 'skipped' });
        expect(await callback.stored()).to.include({ txnid: 'T-1', status: 'F' });
      }
      expect(await repository.callbacks()).to.deep.equal([]);
    });

    it('nothing is stored without a repository, and no row is found', async () => {
      expect(await dispatchSigned(testEndpoint(Recording))).to.deep.equal(resultOk);
      const callback = firstSeen();
      expect(callback.update).to.deep.equal({ outcome: 'skipped' });
      expect(await callback.stored()).to.equal(undefined);
    });
  });

  it('hands over a verified callback with all that it promises', async () => {
    const repository = await repositoryWith();
    const request = postForm(formOf(paymentFields({ param1: 'p', ccy: 'php', amount: '100' })));
    await testEndpoint(Recording, { repository }).dispatch(request);
    const callback = firstSeen();
    const { stored, signal, request: same, ...rest } = callback;
    expect(rest).to.deep.equal({
      valid: true,
      kind: 'payment',
      origin: 'callback',
      method: 'POST',
      status: 'S',
      data: { txnid: 'T-1', refno: 'R1', status: 'S', message: '[000] OK' },
      unsigned: { param1: 'p', amount: '100.00', ccy: 'php' },
      proof: { algorithm: 'sha1', keyId: 'secretKeys[0]' },
      update: { outcome: 'applied', previous: 'P', current: 'S', late: false },
    });
    expect(same).to.equal(request);
    expect(signal).to.be.instanceOf(AbortSignal).with.property('aborted', false);
    expect(await stored()).to.include({ txnid: 'T-1', status: 'S', refno: 'R1' });
  });

  it('hands over a payout, and its row', async () => {
    const repository = await repositoryWith();
    expect(await dispatchSigned(testEndpoint(Recording, { repository }), payoutFields)).to.deep.equal(resultOk);
    const callback = firstSeen();
    expect(callback.kind).to.equal('payout');
    expect(callback.data).to.deep.equal(payoutFields);
    expect(await callback.stored()).to.include({ merchantTxnId: 'O-1', status: 'S' });
  });

  it('hands over an invalid callback with its issues and what was received', async () => {
    const repository = await repositoryWith();
    const request = postForm('txnid=T-1&refno=R1&status=S&amount=free&note=a+b&digest=x');
    expect(await testEndpoint(Recording, { repository }).dispatch(request)).to.deep.equal(
      errorReply(400, 'malformed-field'),
    );
    const { signal, ...rest } = firstSeen<InvalidCallback>();
    expect(rest).to.deep.equal({
      valid: false,
      origin: 'callback',
      method: 'POST',
      issues: [{ code: 'malformed-field', field: 'amount', message: 'amount does not have its shape' }],
      received: [
        ['txnid', 'T-1'],
        ['refno', 'R1'],
        ['status', 'S'],
        ['amount', 'free'],
        ['note', 'a b'],
        ['digest', 'x'],
      ],
      update: { outcome: 'skipped' },
      request,
    });
    expect(signal).to.be.instanceOf(AbortSignal);
    expect(await repository.callbacks()).to.deep.equal([]);
  });

  describe('answers what is no valid callback', () => {
    const rsaDown: Partial<DragonpaySettings> = {
      apiKey: 'k',
      verification: { rsa: {} },
      fetch: () => Promise.reject(new Error('down')),
    };
    const onlyPayments: Partial<DragonpaySettings> = { payout: undefined };
    /** `invalid`: the handler may see it. */
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
      ['keys-unavailable', () => postForm('txnid=A&refno=R&status=S&signatures=AAAA'), false, rsaDown],
      ['keys-unavailable', () => getQuery('txnid=A&refno=R&status=S&signatures=AAAA'), false, rsaDown],
      ['invalid-escape', () => postForm('message=%'), true],
      ['invalid-utf8', () => getQuery('message=%ff'), true],
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
      it(`with ${status} ${code} (${index + 1}): ${invalid ? 'the handler sees it' : 'no handler is called'}`, async () => {
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

      it(`with ${status} ${code} (${index + 1}), and calls nothing with allowInvalidData: false`, async () => {
        const repository = await repositoryWith();
        expect(await testEndpoint(Strict, { repository, ...settings }).dispatch(request())).to.deep.equal(expected);
        expect(seen).to.deep.equal([]);
      });

      it(`with ${status} ${code} (${index + 1}), whatever a handler says of it`, async () => {
        const repository = await repositoryWith();
        const Class = returning(reply.text('no', { status: 422 }));
        const answered = await testEndpoint(Class, { repository, ...settings }).dispatch(request());
        if (invalid) expect(answered).to.include({ status: 422, body: 'no' });
        else expect(answered).to.deep.equal(expected);
        expect(await repository.callbacks()).to.deep.equal([]);
      });
    }
  });

  describe('with allowInvalidData: false', () => {
    it('answers an unknown id 404, without a handler, and keeps it in the inbox', async () => {
      const repository = await repositoryWith();
      const endpoint = testEndpoint(Strict, { repository });
      expect(await dispatchSigned(endpoint, paymentFields({ txnid: 'unknown' }))).to.deep.equal(
        errorReply(404, 'not-found'),
      );
      expect(seen).to.deep.equal([]);
      expect((await repository.callbacks()).map(({ outcome }) => outcome)).to.deep.equal(['not-found']);
    });

    it('calls the handler for what is valid', async () => {
      const repository = await repositoryWith();
      expect(await dispatchSigned(testEndpoint(Strict, { repository }))).to.deep.equal(resultOk);
      expect(
        await dispatchSigned(testEndpoint(Strict, { repository }), paymentFields({ amount: '1.00' })),
      ).to.deep.equal(resultOk);
      expect(seen.map(([, { update }]) => update.outcome)).to.deep.equal(['applied', 'mismatch']);
    });
  });

  describe('takes the kinds', () => {
    const lines: Array<
      [
        what: string,
        settings: Partial<DragonpaySettings>,
        kinds: Array<'payment' | 'payout'> | undefined,
        takes: string,
      ]
    > = [
      ['that are configured', {}, undefined, 'payment payout'],
      ['that the endpoint names', {}, ['payment', 'payout'], 'payment payout'],
      ['payment only', {}, ['payment'], 'payment'],
      ['payout only', {}, ['payout'], 'payout'],
      ['payment only, where no payouts are configured', { payout: undefined }, undefined, 'payment'],
      ['payout only, where nothing else is configured', { verification: undefined }, undefined, 'payout'],
      ['that are both named and configured', { payout: undefined }, ['payment', 'payout'], 'payment'],
    ];
    for (const [what, settings, kinds, takes] of lines) {
      it(what, async () => {
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

    it('and turns no payment into a payout by its name', async () => {
      const repository = await repositoryWith();
      await repository.createPayout({ merchantTxnId: 'T-1', amount: '100.00' });
      const { txnid, ...others } = signCallback(paymentFields(), { sha1: { secretKey } });
      const renamed = encodeCallback({ merchantTxnId: txnid as string, ...others });
      // Even with the one secret for both, and an id in common: nothing tells them apart but the refno.
      await testEndpoint(Recording, { repository }).dispatch(postForm(renamed));
      expect(firstSeen().update).to.deep.equal({ outcome: 'mismatch', current: 'P', differs: ['refno'] });
      expect((await repository.findPayout('T-1'))?.status).to.equal('P');
    });
  });

  describe('sends what a handler returns', () => {
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
          `no ${garbage === null ? 'null' : JSON.stringify(garbage)}`,
          garbage,
          errorReply(500, 'handler-failed'),
        ],
      ),
    ];
    for (const [what, result, expected] of lines) {
      it(what, async () => {
        const Class = returning(result);
        expect(await dispatchSigned(testEndpoint(Class))).to.deep.equal(expected);
        expect(await dispatchSigned(testEndpoint(Class), paymentFields(), 'GET')).to.deep.equal(expected);
        expect(seen).to.have.length(2);
      });
    }

    it('also to an invalid callback, where it says so', async () => {
      expect(await dispatchForged(testEndpoint(returning(reply.text('no', { status: 403 }))))).to.include({
        status: 403,
      });
      expect(await dispatchForged(testEndpoint(returning(undefined)))).to.deep.equal(errorReply(400, 'proof-mismatch'));
      expect(await dispatchForged(testEndpoint(returning({})))).to.deep.equal(errorReply(500, 'handler-failed'));
    });
  });

  describe('answers 500 and leaks nothing', () => {
    const thrown: Array<[what: string, error: unknown]> = [
      ['an error', new Error('sw0rdfish')],
      ['an error that looks like a reply', Object.assign(new Error('sw0rdfish'), { status: 200, body: 'sw0rdfish' })],
      ['text', 'sw0rdfish'],
      ['a reply', reply.text('sw0rdfish')],
      ['nothing', undefined],
      ['null', null],
      ['an object that cannot be shown', Object.create(null)],
    ];
    for (const [what, error] of thrown) {
      for (const settles of ['throws', 'rejects with'] as const) {
        it(`where a handler ${settles} ${what}`, async () => {
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

    it('where the method is gone from the instance', async () => {
      const endpoint = testEndpoint(Recording, { resolver: { get: () => ({}) } });
      expect(await dispatchSigned(endpoint)).to.deep.equal(errorReply(500, 'handler-failed'));
    });
  });

  describe('holds handlers to their deadline', () => {
    const limits = { handlerMilliseconds: 10 };

    it('with 503, and tells the handler', async () => {
      let signal: AbortSignal | undefined;
      @DragonpayCallback()
      class Slow {
        @OnPost() async post(callback: Callback) {
          signal = callback.signal;
          await new Promise((resolve) => signal?.addEventListener('abort', resolve));
        }
      }
      expect(await dispatchSigned(testEndpoint(Slow, { limits }))).to.deep.equal(
        errorReply(503, 'handler-deadline', retry),
      );
      expect(signal?.aborted).to.equal(true);
      expect(signal?.reason).to.have.property('code', 'handler-deadline');
      expect(await dispatchForged(testEndpoint(Slow, { limits }))).to.deep.equal(
        errorReply(503, 'handler-deadline', retry),
      );
    });

    it('also one that is no Promise, but can be awaited', async () => {
      @DragonpayCallback()
      class Thenable {
        @OnPost() post(_: Callback) {
          // biome-ignore lint/suspicious/noThenProperty: query builders and other promises have one
          return { then: () => {} } as unknown as Promise<void>;
        }
      }
      const given = dispatchSigned(testEndpoint(Thenable, { limits }));
      const late = new Promise((resolve) => setTimeout(resolve, 1000, 'no answer'));
      expect(await Promise.race([given, late])).to.deep.equal(errorReply(503, 'handler-deadline', retry));
    });

    it('also one who asks for the signal after it passed', async () => {
      let late: Promise<boolean> | undefined;
      @DragonpayCallback()
      class Slow {
        @OnPost() async post(callback: Callback) {
          const slept = new Promise((resolve) => setTimeout(resolve, 30));
          late = slept.then(() => callback.signal.aborted);
          await slept;
        }
      }
      await dispatchSigned(testEndpoint(Slow, { limits }));
      expect(await late).to.equal(true);
    });

    it('and not those who are done in time', async () => {
      @DragonpayCallback()
      class Quick {
        @OnPost() async post(callback: Callback) {
          seen.push(['post', callback]);
          await new Promise(setImmediate);
        }
      }
      expect(await dispatchSigned(testEndpoint(Quick, { limits: { handlerMilliseconds: 5000 } }))).to.deep.equal(
        resultOk,
      );
      expect(firstSeen().signal.aborted).to.equal(false);
    });

    it('and drops the rejection of one who fails after it', async () => {
      const unhandled: unknown[] = [];
      const listener = (reason: unknown) => unhandled.push(reason);
      process.on('unhandledRejection', listener);
      try {
        @DragonpayCallback()
        class SlowFailure {
          @OnPost() async post(_: Callback) {
            await new Promise((resolve) => setTimeout(resolve, 20));
            throw new Error('too late');
          }
        }
        expect(await dispatchSigned(testEndpoint(SlowFailure, { limits }))).to.include({ status: 503 });
        await new Promise((resolve) => setTimeout(resolve, 40));
      } finally {
        process.off('unhandledRejection', listener);
      }
      expect(unhandled).to.deep.equal([]);
    });
  });

  describe('runs @OnStatus', () => {
    @DragonpayCallback()
    class Shipping extends Recording {
      @OnStatus('S', 'R') async ship(callback: StoredCallback<'S' | 'R', MemoryTransaction>) {
        seen.push(['ship', callback]);
        expect((await callback.stored())?.status, 'as the transaction sees it').to.equal(callback.status);
      }
      @OnStatus('F', { kind: 'payout' }) takeBack(callback: StoredCallback<'F', MemoryTransaction, 'payout'>) {
        seen.push(['takeBack', callback]);
      }
    }
    const methodsSeen = () => seen.map(([method]) => method);

    it('when the row reaches the status, before @OnPost, with its transaction', async () => {
      const repository = await repositoryWith();
      expect(await dispatchSigned(testEndpoint(Shipping, { repository }))).to.deep.equal(resultOk);
      expect(methodsSeen()).to.deep.equal(['ship', 'post']);
      const callback = firstSeen<StoredCallback<'S', MemoryTransaction>>();
      expect(callback.update).to.deep.equal({ outcome: 'applied', previous: 'P', current: 'S', late: false });
      expect(callback.trx.row).to.include({ id: 'T-1', status: 'S' });
      expect(callback.signal).to.be.instanceOf(AbortSignal);
    });

    it('once for each status, however often it is delivered', async () => {
      const endpoint = testEndpoint(Shipping, { repository: await repositoryWith() });
      for (const status of ['P', 'S', 'S', 'P', 'R', 'S', 'R'])
        await dispatchSigned(endpoint, paymentFields({ status }));
      expect(methodsSeen().filter((method) => method === 'ship')).to.have.length(2);
    });

    it('for the kind that it names', async () => {
      const endpoint = testEndpoint(Shipping, { repository: await repositoryWith() });
      await dispatchSigned(endpoint, paymentFields({ status: 'F' }));
      expect(methodsSeen()).to.deep.equal(['post']);
      await dispatchSigned(endpoint, { ...payoutFields, status: 'F' });
      expect(methodsSeen()).to.deep.equal(['post', 'takeBack', 'post']);
    });

    it('not for what is not stored', async () => {
      const repository = await repositoryWith();
      await dispatchSigned(testEndpoint(Shipping));
      await dispatchSigned(testEndpoint(Shipping, { repository, saveData: false }));
      await dispatchSigned(testEndpoint(Shipping, { repository }), paymentFields(), 'GET');
      await dispatchSigned(testEndpoint(Shipping, { repository }), paymentFields({ amount: '1.00' }));
      await dispatchForged(testEndpoint(Shipping, { repository }));
      expect(methodsSeen()).to.deep.equal(['post', 'post', 'get', 'post', 'post']);
    });

    for (const [what, run, expected] of [
      [
        'throws',
        () => {
          throw new Error('no courier');
        },
        errorReply(500, 'handler-failed'),
      ],
      ['misses its deadline', () => new Promise<void>(() => {}), errorReply(503, 'handler-deadline', retry)],
    ] as const) {
      it(`and takes the move back where it ${what}, so that the next delivery tries again`, async () => {
        let broken = true;
        @DragonpayCallback()
        class Fragile extends Recording {
          @OnStatus('S') async ship(_: StoredCallback<'S'>) {
            if (broken) await run();
          }
        }
        const repository = await repositoryWith();
        const endpoint = testEndpoint(Fragile, { repository, limits: { handlerMilliseconds: 10 } });
        expect(await dispatchSigned(endpoint)).to.deep.equal(expected);
        expect(seen, '@OnPost is not called').to.deep.equal([]);
        expect((await repository.findPayment('T-1'))?.status).to.equal('P');
        broken = false;
        expect(await dispatchSigned(endpoint)).to.deep.equal(resultOk);
        expect((await repository.findPayment('T-1'))?.status).to.equal('S');
      });
    }
  });

  describe('answers 503 where nothing could be stored, whatever the handler returns:', () => {
    class Rejecting extends MemoryRepository {
      override store(): Promise<never> {
        return Promise.reject(new Error('connection refused'));
      }
    }
    class Throwing extends MemoryRepository {
      override store(): never {
        throw new Error('no pool');
      }
    }
    class Hanging extends MemoryRepository {
      override store(): Promise<never> {
        return new Promise(() => {});
      }
    }
    const limits = { storeMilliseconds: 10, handlerMilliseconds: 10 };
    const unstored = errorReply(503, 'unstored', retry);
    const lines: Array<[what: string, repository: MemoryRepository]> = [
      ['a repository that rejects', new Rejecting()],
      ['a repository that throws', new Throwing()],
      ['a repository that hangs', new Hanging()],
    ];
    for (const [what, repository] of lines) {
      for (const result of [undefined, 'result=OK', reply.redirect('/thanks'), {}]) {
        it(`${what}, and a handler that returns ${JSON.stringify(result)}`, async () => {
          expect(await dispatchSigned(testEndpoint(returning(result), { repository, limits }))).to.deep.equal(unstored);
          expect(seen.map(([, { update }]) => update)).to.deep.equal([{ outcome: 'unstored' }]);
        });
      }

      it(`${what}, also for a GET with updateOnGet, with allowInvalidData: false, and without a handler`, async () => {
        const settings = { repository, limits };
        expect(await dispatchSigned(testEndpoint(UpdatingOnGet, settings), paymentFields(), 'GET')).to.deep.equal(
          unstored,
        );
        expect(await dispatchSigned(testEndpoint(Strict, settings))).to.deep.equal(unstored);
        expect(await dispatchSigned(testEndpoint(Silent, settings))).to.deep.equal(unstored);
      });

      it(`${what}, which a GET that stores nothing does not meet`, async () => {
        expect(
          await dispatchSigned(testEndpoint(Recording, { repository, limits }), paymentFields(), 'GET'),
        ).to.deep.equal(resultOk);
      });
    }

    it('a store that is slow gets the time of its handler on top', async () => {
      class Slow extends MemoryRepository {
        override async store(...args: Parameters<MemoryRepository['store']>) {
          await new Promise((resolve) => setTimeout(resolve, 40));
          return super.store(...args);
        }
      }
      const repository = new Slow();
      await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
      @DragonpayCallback()
      class Shipping {
        @OnStatus('S') ship(_: StoredCallback<'S'>) {}
      }
      const slowLimits = { storeMilliseconds: 10, handlerMilliseconds: 5000 };
      expect(await dispatchSigned(testEndpoint(Silent, { repository, limits: slowLimits }))).to.deep.equal(unstored);
      await new Promise((resolve) => setTimeout(resolve, 60));
      const refund = paymentFields({ status: 'R' });
      expect(await dispatchSigned(testEndpoint(Silent, { repository, limits: slowLimits }), refund)).to.deep.equal(
        unstored,
      );
      await repository.createPayment({ txnid: 'T-2', amount: '1.00' });
      const other = paymentFields({ txnid: 'T-2' });
      expect(await dispatchSigned(testEndpoint(Shipping, { repository, limits: slowLimits }), other)).to.deep.equal(
        resultOk,
      );
    });

    it('a row that cannot be looked up is the handler’s affair', async () => {
      class Blind extends MemoryRepository {
        override findPayment(): never {
          throw new Error('connection refused');
        }
      }
      @DragonpayCallback()
      class Showing {
        @OnGet() async show(callback: Callback) {
          return callback.valid
            ? await callback.stored().then(
                () => 'found',
                () => 'try later',
              )
            : 'no';
        }
      }
      const endpoint = testEndpoint(Showing, { repository: new Blind() });
      expect(await dispatchSigned(endpoint, paymentFields(), 'GET')).to.include({ status: 200, body: 'try later' });
    });
  });

  describe('lets @OnDispatch', () => {
    type Around = (request: CallbackRequest, next: () => Promise<CallbackReply>) => unknown;
    function wrappedIn(around: Around) {
      @DragonpayCallback()
      class Wrapped extends Recording {
        @OnDispatch() around(request: CallbackRequest, next: () => Promise<CallbackReply>) {
          return around(request, next) as CallbackReply;
        }
      }
      return Wrapped;
    }

    it('go around every request, also of refused ones', async () => {
      const passed: Array<[string, number]> = [];
      const endpoint = testEndpoint(
        wrappedIn(async (request, next) => {
          const answer = await next();
          passed.push([request.method, answer.status]);
          return answer;
        }),
      );
      expect(await dispatchSigned(endpoint)).to.deep.equal(resultOk);
      expect(await dispatchForged(endpoint)).to.deep.equal(errorReply(400, 'proof-mismatch'));
      for (const method of ['PUT', 'HEAD', 'OPTIONS']) await endpoint.dispatch(makeRequest({ method }));
      expect(passed).to.deep.equal([
        ['POST', 200],
        ['POST', 400],
        ['PUT', 405],
        ['HEAD', 200],
        ['OPTIONS', 204],
      ]);
      expect(seen).to.have.length(2);
    });

    it('replace the reply', async () => {
      const other = { status: 202, headers: { 'X-Own': 'yes' }, body: 'other' };
      expect(await dispatchSigned(testEndpoint(wrappedIn((_, next) => next().then(() => other))))).to.deep.equal(other);
      expect(seen).to.have.length(1);
    });

    it('answer without going on, and nothing is stored', async () => {
      const repository = await repositoryWith();
      const other = { status: 503, headers: {}, body: 'maintenance' };
      expect(
        await dispatchSigned(
          testEndpoint(
            wrappedIn(() => other),
            { repository },
          ),
        ),
      ).to.deep.equal(other);
      expect(seen).to.deep.equal([]);
      expect(await repository.callbacks()).to.deep.equal([]);
    });

    it('see an answer even where a handler failed', async () => {
      @DragonpayCallback()
      class Failing {
        @OnDispatch() async around(_: CallbackRequest, next: () => Promise<CallbackReply>) {
          const answer = await next();
          return { ...answer, headers: { ...answer.headers, 'X-Seen': String(answer.status) } };
        }
        @OnPost() post(_: Callback) {
          throw new Error('broken');
        }
      }
      const { headers } = await dispatchSigned(testEndpoint(Failing));
      expect(headers).to.include({ 'X-Seen': '500' });
    });

    const failing: Array<[what: string, around: Around]> = [
      [
        'throws',
        () => {
          throw new Error('broken');
        },
      ],
      ['rejects', () => Promise.reject(new Error('broken'))],
      [
        'throws after the way was gone',
        async (_, next) => {
          await next();
          throw new Error('broken');
        },
      ],
      ...[
        undefined,
        null,
        'text',
        200,
        {},
        { status: 200 },
        { status: '200', headers: {}, body: '' },
        { status: 200.5, headers: {}, body: '' },
        { status: 200, headers: null, body: '' },
        { status: 200, headers: {} },
        { status: 200, headers: {}, body: Buffer.from('a') },
        // What no server could write.
        { status: 42, headers: {}, body: '' },
        { status: 1000, headers: {}, body: '' },
        { status: 200, headers: { 'X-Own': 'a\r\nb' }, body: '' },
        { status: 200, headers: { 'X-Own': undefined }, body: '' },
        { status: 200, headers: { 'X Own': 'a' }, body: '' },
        reply.text('a'),
      ].map((garbage): [string, Around] => [`returns ${JSON.stringify(garbage)}`, () => garbage]),
    ];
    for (const [what, around] of failing) {
      it(`not break anything: one that ${what} is answered 500`, async () => {
        expect(await dispatchSigned(testEndpoint(wrappedIn(around)))).to.deep.equal(errorReply(500, 'handler-failed'));
      });
    }
  });

  describe('asks the resolver', () => {
    class Counting extends Recording {
      static made = 0;
      constructor() {
        super();
        Counting.made++;
      }
    }
    beforeEach(() => {
      Counting.made = 0;
    });

    it('for nothing where there is none: one instance serves', async () => {
      const endpoint = testEndpoint(Counting);
      expect(Counting.made, 'made with the endpoint').to.equal(1);
      await dispatchSigned(endpoint);
      await dispatchSigned(endpoint, paymentFields(), 'GET');
      expect(Counting.made).to.equal(1);
    });

    for (const [what, get] of [
      ['that answers at once', () => new Counting()],
      ['that answers with a promise', async () => new Counting()],
      ['that answers later', () => new Promise<object>((resolve) => setImmediate(() => resolve(new Counting())))],
    ] as const) {
      it(`${what}, once a request`, async () => {
        const asked: unknown[] = [];
        @DragonpayCallback()
        class Busy extends Counting {
          @OnDispatch() around(_: CallbackRequest, next: () => Promise<CallbackReply>) {
            return next();
          }
          @OnStatus('S') ship(_: StoredCallback<'S'>) {}
        }
        const resolver = {
          get: async (Class: unknown) => {
            asked.push(Class);
            await get();
            return new Busy();
          },
        };
        const endpoint = testEndpoint(Busy, { resolver, repository: await repositoryWith() });
        expect(asked, 'not before it is needed').to.deep.equal([]);
        expect(await dispatchSigned(endpoint)).to.deep.equal(resultOk);
        expect(asked).to.deep.equal([Busy]);
        await dispatchSigned(endpoint);
        expect(asked).to.deep.equal([Busy, Busy]);
      });
    }

    it('as a method of its own', async () => {
      const container = {
        instance: new Recording(),
        get() {
          return this.instance;
        },
      };
      expect(await dispatchSigned(testEndpoint(Recording, { resolver: container }))).to.deep.equal(resultOk);
      expect(seen).to.have.length(1);
    });

    for (const [what, get] of [
      [
        'throws',
        () => {
          throw new Error('not bound');
        },
      ],
      ['rejects', () => Promise.reject(new Error('not bound'))],
    ] as const) {
      it(`and where it ${what}, answers 500 and stores nothing, so that the callback comes again`, async () => {
        const repository = await repositoryWith();
        const endpoint = testEndpoint(Recording, { resolver: { get }, repository });
        expect(await dispatchSigned(endpoint)).to.deep.equal(errorReply(500, 'handler-failed'));
        expect(await dispatchForged(endpoint)).to.deep.equal(errorReply(500, 'handler-failed'));
        expect(await repository.callbacks()).to.deep.equal([]);
        expect((await endpoint.dispatch(makeRequest({ method: 'PUT' }))).status, 'nobody is needed for this').to.equal(
          405,
        );
      });
    }

    it('and where it finds nobody, answers 500 and stores nothing', async () => {
      for (const nobody of [undefined, null]) {
        const repository = await repositoryWith();
        const endpoint = testEndpoint(Recording, { resolver: { get: () => nobody }, repository });
        expect(await dispatchSigned(endpoint)).to.deep.equal(errorReply(500, 'handler-failed'));
        expect(await repository.callbacks()).to.deep.equal([]);
      }
    });

    it('not at all for a class without a method for the request', async () => {
      const resolver = {
        get: () => {
          throw new Error('asked');
        },
      };
      expect(await dispatchSigned(testEndpoint(Silent, { resolver }))).to.deep.equal(resultOk);
    });
  });

  describe('lets only some addresses POST:', () => {
    const form = formOf(paymentFields());
    const behindProxy: Partial<DragonpaySettings> = {
      clientAddress: (request) => request.header('x-forwarded-for'),
    };
    const forwarded = (address: string) => ({
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-forwarded-for': address },
    });
    const lines: Array<[what: string, request: CallbackRequest, settings: Partial<DragonpaySettings>, status: number]> =
      [
        ['one that is allowed', postForm(form, { remoteAddress: '203.0.113.7' }), {}, 200],
        ['one of IPv4 over IPv6', postForm(form, { remoteAddress: '::ffff:203.0.113.7' }), {}, 200],
        ['one in a block', postForm(form, { remoteAddress: '2001:db8::5' }), {}, 200],
        ['no other', postForm(form, { remoteAddress: '203.0.113.8' }), {}, 403],
        ['none that is unknown', postForm(form), {}, 403],
        ['a GET from anywhere', getQuery(form, { remoteAddress: '198.51.100.1' }), {}, 200],
        ['a HEAD from anywhere', makeRequest({ method: 'HEAD' }), {}, 200],
        ['one behind the proxy', postForm(form, forwarded('203.0.113.7')), behindProxy, 200],
        [
          'no other behind the proxy',
          postForm(form, { ...forwarded('198.51.100.1'), remoteAddress: '203.0.113.7' }),
          behindProxy,
          403,
        ],
        ['no proxy that says nothing', postForm(form, { remoteAddress: '203.0.113.7' }), behindProxy, 403],
        ['no header without a proxy', postForm(form, forwarded('203.0.113.7')), {}, 403],
        ['anybody where nobody is named', postForm(form), { allowFrom: undefined }, 200],
      ];
    for (const [what, request, settings, status] of lines) {
      it(what, async () => {
        const endpoint = testEndpoint(Silent, { allowFrom: ['203.0.113.7', '2001:db8::/32'], ...settings });
        const answered = await endpoint.dispatch(request);
        expect(answered.status).to.equal(status);
        if (status === 403) expect(answered).to.deep.equal(errorReply(403, 'address-not-allowed'));
      });
    }

    it('and asks for no body of the others', async () => {
      const request = postForm(form, { remoteAddress: '198.51.100.1' });
      await testEndpoint(Silent, { allowFrom: ['203.0.113.7'] }).dispatch(request);
      expect(request.limitsAsked).to.deep.equal([]);
    });
  });

  describe('never rejects,', () => {
    const broken = () => {
      throw new Error('sw0rdfish');
    };
    const good = () => postForm(formOf(paymentFields()));
    const withGetter = (name: keyof CallbackRequest): CallbackRequest =>
      Object.defineProperty(good(), name, { get: broken });
    const hostile: Array<[what: string, request: () => CallbackRequest]> = [
      ['where method throws', () => withGetter('method')],
      [
        'where target throws',
        () => Object.assign(Object.defineProperty({ ...getQuery('') }, 'target', { get: broken })),
      ],
      ['where the body cannot be had', () => withGetter('body')],
      ['where headers cannot be had', () => withGetter('header')],
      ['where remoteAddress throws', () => withGetter('remoteAddress')],
      ['where header() throws', () => ({ ...good(), header: broken })],
      ['where body() throws', () => ({ ...good(), body: broken })],
      ['where body() rejects', () => ({ ...good(), body: () => Promise.reject(new Error('sw0rdfish')) })],
      ['where body() knows nothing', () => ({ ...good(), body: () => undefined as never })],
      ['where body() knows what nobody knows', () => ({ ...good(), body: () => ({ kind: 'stream' }) as never })],
      ['where fields cannot be iterated', () => makeRequest({ body: { kind: 'fields', fields: 5 as never } })],
      [
        'where the fields throw',
        () => makeRequest({ body: { kind: 'fields', fields: { [Symbol.iterator]: broken } } }),
      ],
      ['without a method', () => ({ ...good(), method: undefined as never })],
      ['with a method that is no text', () => ({ ...good(), method: 5 as never })],
      ['with a target that is no text', () => ({ ...getQuery(''), target: undefined as never })],
      ['with nothing at all', () => ({}) as never],
    ];
    for (const [what, request] of hostile) {
      it(what, async () => {
        const settings = { allowFrom: ['203.0.113.7'], clientAddress: () => '203.0.113.7' };
        const heard: unknown[] = [];
        const hooks = { replied: (event: object) => heard.push(event), handlerFailed() {} };
        for (const Class of [Recording, Silent, Strict]) {
          for (const more of [{}, { hooks }]) {
            const answered = await testEndpoint(Class, { ...settings, ...more }).dispatch(request());
            expect(answered.status).to.be.within(200, 599);
            expect(JSON.stringify(answered)).to.not.include('sw0rdfish');
          }
        }
        expect(heard, 'each answer is told').to.have.length(3);
      });
    }

    it('where clientAddress throws', async () => {
      const endpoint = testEndpoint(Silent, { allowFrom: ['203.0.113.7'], clientAddress: broken });
      expect((await endpoint.dispatch(good())).status).to.equal(500);
    });
  });
});

function without(headers: Readonly<Record<string, string>>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([other]) => other !== name));
}
