import { expect } from 'chai';
import type { DragonpaySettings } from '../../../src/index.js';
import type { CallbackReply, CallbackRequest } from '../../../src/model/callback-request.js';
import { getQuery, makeRequest, postForm } from '../../support/callback-request.js';
import { paymentFields, testEndpoint } from '../../support/dispatch-signed.js';
import {
  errorReply,
  forgetSeen,
  formOf,
  plainText,
  Recording,
  repositoryWith,
  resultOk,
  Silent,
  Strict,
  seen,
  UpdatingOnGet,
} from '../../support/recording-handlers.js';

describe('Step 1, read', () => {
  beforeEach(forgetSeen);

  describe('the HTTP method', () => {
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
      it(`method ${JSON.stringify(method)} is answered ${expected.status}`, async () => {
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

    it('HEAD stores nothing, even with updateOnGet', async () => {
      const repository = await repositoryWith();
      const request = makeRequest({ method: 'HEAD', target: `/callback?${form()}` });
      expect(await testEndpoint(UpdatingOnGet, { repository }).dispatch(request)).to.include({ status: 200, body: '' });
      expect((await repository.findPayment('T-1'))?.status).to.equal('P');
      expect(seen).to.deep.equal([]);
    });
  });

  describe('allowFrom', () => {
    const form = formOf(paymentFields());
    const behindProxy: Partial<DragonpaySettings> = {
      clientAddress: (request) => request.header('x-forwarded-for'),
    };
    const forwarded = (address: string) => ({
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-forwarded-for': address },
    });
    const lines: Array<[what: string, request: CallbackRequest, settings: Partial<DragonpaySettings>, status: number]> =
      [
        ['a POST from an allowed address', postForm(form, { remoteAddress: '203.0.113.7' }), {}, 200],
        [
          'a POST from an allowed IPv4 address over IPv6',
          postForm(form, { remoteAddress: '::ffff:203.0.113.7' }),
          {},
          200,
        ],
        ['a POST from an allowed block', postForm(form, { remoteAddress: '2001:db8::5' }), {}, 200],
        ['a POST from another address', postForm(form, { remoteAddress: '203.0.113.8' }), {}, 403],
        ['a POST from an unknown address', postForm(form), {}, 403],
        ['a GET from anywhere', getQuery(form, { remoteAddress: '198.51.100.1' }), {}, 200],
        ['a HEAD from anywhere', makeRequest({ method: 'HEAD' }), {}, 200],
        ['a POST forwarded for an allowed address', postForm(form, forwarded('203.0.113.7')), behindProxy, 200],
        [
          'a POST forwarded for another address',
          postForm(form, { ...forwarded('198.51.100.1'), remoteAddress: '203.0.113.7' }),
          behindProxy,
          403,
        ],
        [
          'a POST of a proxy that forwards no address',
          postForm(form, { remoteAddress: '203.0.113.7' }),
          behindProxy,
          403,
        ],
        ['a forwarding header if clientAddress is not set', postForm(form, forwarded('203.0.113.7')), {}, 403],
        ['any POST if it is not set', postForm(form), { allowFrom: undefined }, 200],
      ];
    for (const [what, request, settings, status] of lines) {
      it(`allowFrom answers ${status} to ${what}`, async () => {
        const endpoint = testEndpoint(Silent, { allowFrom: ['203.0.113.7', '2001:db8::/32'], ...settings });
        const answered = await endpoint.dispatch(request);
        expect(answered.status).to.equal(status);
        if (status === 403) expect(answered).to.deep.equal(errorReply(403, 'address-not-allowed'));
      });
    }

    it('allowFrom refuses a POST without reading its body', async () => {
      const request = postForm(form, { remoteAddress: '198.51.100.1' });
      await testEndpoint(Silent, { allowFrom: ['203.0.113.7'] }).dispatch(request);
      expect(request.limitsAsked).to.deep.equal([]);
    });
  });

  describe('a broken request', () => {
    const broken = () => {
      throw new Error('sw0rdfish');
    };
    const good = () => postForm(formOf(paymentFields()));
    const withGetter = (name: keyof CallbackRequest): CallbackRequest =>
      Object.defineProperty(good(), name, { get: broken });
    const hostile: Array<[what: string, request: () => CallbackRequest]> = [
      ['if method throws', () => withGetter('method')],
      ['if target throws', () => Object.assign(Object.defineProperty({ ...getQuery('') }, 'target', { get: broken }))],
      ['if body cannot be read', () => withGetter('body')],
      ['if header cannot be read', () => withGetter('header')],
      ['if remoteAddress throws', () => withGetter('remoteAddress')],
      ['if header() throws', () => ({ ...good(), header: broken })],
      ['if body() throws', () => ({ ...good(), body: broken })],
      ['if body() rejects', () => ({ ...good(), body: () => Promise.reject(new Error('sw0rdfish')) })],
      ['if body() returns nothing', () => ({ ...good(), body: () => undefined as never })],
      ['if body() returns an unknown kind', () => ({ ...good(), body: () => ({ kind: 'stream' }) as never })],
      ['if the fields are not iterable', () => makeRequest({ body: { kind: 'fields', fields: 5 as never } })],
      [
        'if iterating the fields throws',
        () => makeRequest({ body: { kind: 'fields', fields: { [Symbol.iterator]: broken } } }),
      ],
      ['without a method', () => ({ ...good(), method: undefined as never })],
      ['with a method that is not a string', () => ({ ...good(), method: 5 as never })],
      ['with a target that is not a string', () => ({ ...getQuery(''), target: undefined as never })],
      ['with an empty request', () => ({}) as never],
    ];
    for (const [what, request] of hostile) {
      it(`dispatch does not reject ${what}`, async () => {
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

    it('dispatch answers 500 if clientAddress throws', async () => {
      const endpoint = testEndpoint(Silent, { allowFrom: ['203.0.113.7'], clientAddress: broken });
      expect((await endpoint.dispatch(good())).status).to.equal(500);
    });
  });
});

function without(headers: Readonly<Record<string, string>>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([other]) => other !== name));
}
