import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import {
  type Callback,
  DragonpayCallback,
  DragonpayError,
  type DragonpaySettings,
  MemoryRepository,
  OnGet,
  OnPost,
  OnStatus,
} from '../../src/index.js';
import type { BodyRead } from '../../src/model/callback-request.js';
import type { Hooks } from '../../src/observability/hooks.js';
import { escapeForLog, tell } from '../../src/observability/tell.js';
import { reply } from '../../src/response/reply.js';
import { encodeCallback, signCallback } from '../../src/testing.js';
import { getQuery, makeRequest, postForm, type RequestParts } from '../support/callback-request.js';
import { dispatchForged, dispatchSigned, paymentFields, secretKey, testEndpoint } from '../support/dispatch-signed.js';
import { merchantKey } from '../support/proofs.js';

type Told = [hook: keyof Hooks, event: Record<string, unknown>];

/** Hooks that record their calls. */
function listening(): { readonly told: Told[]; readonly hooks: Hooks } {
  const told: Told[] = [];
  const remember = (hook: keyof Hooks) => (event: object) => void told.push([hook, { ...event }]);
  return {
    told,
    hooks: {
      received: remember('received'),
      rejected: remember('rejected'),
      stored: remember('stored'),
      handlerFailed: remember('handlerFailed'),
      replied: remember('replied'),
      keysFailed: () => {},
    },
  };
}

@DragonpayCallback()
class Silent {
  @OnPost() post() {}
}

@DragonpayCallback()
class Failing {
  @OnPost() post(_: Callback) {
    throw new Error('broken');
  }
}

@DragonpayCallback()
class FailingInside {
  @OnStatus('S') async ship() {
    throw new Error('no courier');
  }
}

async function withPayment(): Promise<MemoryRepository> {
  const repository = new MemoryRepository();
  await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
  return repository;
}

class BrokenRepository extends MemoryRepository {
  override async store(): Promise<never> {
    throw new Error('connection refused');
  }
}

describe('A hook', () => {
  it('receives the event of a stored callback', async () => {
    const { told, hooks } = listening();
    const endpoint = testEndpoint(Silent, { hooks, repository: await withPayment() });
    const form = encodeCallback(signCallback(paymentFields(), { sha1: { secretKey } }));
    await endpoint.dispatch(postForm(form, { remoteAddress: '203.0.113.7' }));
    const { milliseconds } = told[2]?.[1] ?? {};
    expect(told).to.deep.equal([
      ['received', { method: 'POST', remoteAddress: '203.0.113.7' }],
      [
        'stored',
        {
          kind: 'payment',
          id: 'T-1',
          refno: 'R1',
          status: 'S',
          origin: 'callback',
          method: 'POST',
          update: { outcome: 'applied', previous: 'P', current: 'S', late: false },
        },
      ],
      ['replied', { method: 'POST', status: 200, milliseconds }],
    ]);
    expect(milliseconds).to.be.a('number').that.is.at.least(0);
  });

  it('stored is not called if nothing was to be stored', async () => {
    const { told, hooks } = listening();
    const repository = await withPayment();
    await dispatchSigned(testEndpoint(Silent, { hooks, repository }), paymentFields(), 'GET');
    await dispatchSigned(testEndpoint(Silent, { hooks, repository, saveData: false }));
    await dispatchSigned(testEndpoint(Silent, { hooks }));
    expect(told.map(([hook]) => hook)).to.deep.equal([
      'received',
      'replied',
      'received',
      'replied',
      'received',
      'replied',
    ]);
  });

  describe('rejected', () => {
    const allowed: Partial<DragonpaySettings> = { allowFrom: ['203.0.113.7'] };
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = (read: BodyRead): RequestParts => ({ body: read });
    const cases: Array<[code: string, parts: RequestParts, settings: Partial<DragonpaySettings>, event: object]> = [
      ['method-not-allowed', { method: 'PUT' }, {}, { method: 'PUT', status: 405 }],
      ['address-not-allowed', { remoteAddress: '203.0.113.8' }, allowed, { status: 403 }],
      ['unsupported-media-type', { headers: { 'content-type': 'text/plain' } }, {}, { status: 415 }],
      ['unsupported-content-encoding', { headers: { ...form, 'content-encoding': 'gzip' } }, {}, { status: 415 }],
      ['body-too-large', body({ kind: 'too-large', limit: 1 }), {}, { status: 413 }],
      ['body-aborted', body({ kind: 'aborted' }), {}, { status: 400 }],
      [
        'body-consumed',
        body({ kind: 'consumed', hint: 'a logger read it' }),
        {},
        { status: 500, message: 'a logger read it' },
      ],
      ['query-too-long', { method: 'GET', target: `/?${'a'.repeat(8193)}` }, {}, { method: 'GET', status: 414 }],
      ['missing-field', body({ kind: 'text', text: 'txnid=A' }), {}, { field: 'refno', id: 'A' }],
      [
        'malformed-field',
        body({ kind: 'text', text: 'merchantTxnId=a:b&refno=R&status=S' }),
        {},
        { field: 'merchanttxnid', id: 'a:b' },
      ],
      ['proof-missing', body({ kind: 'text', text: 'txnid=A&refno=R&status=S' }), {}, { field: 'digest', id: 'A' }],
      [
        'proof-mismatch',
        body({ kind: 'text', text: 'txnid=A&refno=R&status=S&digest=x' }),
        {},
        { field: 'digest', id: 'A' },
      ],
      [
        'keys-unavailable',
        body({ kind: 'text', text: `txnid=A&refno=R&status=S&signatures=${'A'.repeat(344)}` }),
        { apiKey: 'k', verification: { rsa: {} }, fetch: () => Promise.reject(new Error('down')) },
        { status: 503 },
      ],
    ];
    for (const [code, parts, settings, event] of cases) {
      it(`is called with ${code} (${Object.values(event)[0]})`, async () => {
        const { told, hooks } = listening();
        await testEndpoint(Silent, { ...settings, hooks }).dispatch(makeRequest(parts));
        expect(told.map(([hook]) => hook)).to.deep.equal(['received', 'rejected', 'replied']);
        expect(told[1]?.[1]).to.include({ method: 'POST', code, ...event });
        expect(told[1]?.[1].message).to.be.a('string').that.is.not.empty;
      });
    }

    it('has the status of the code, even if the handler answers with another one', async () => {
      const { told, hooks } = listening();
      @DragonpayCallback()
      class Teapot {
        @OnPost() post() {
          return reply.text('short and stout', { status: 418 });
        }
      }
      await dispatchForged(testEndpoint(Teapot, { hooks }));
      expect(told.map(([, { status }]) => status)).to.deep.equal([undefined, 400, 418]);
    });
  });

  it('stored receives the reason why a callback was not stored', async () => {
    const { told, hooks } = listening();
    await dispatchSigned(testEndpoint(Silent, { hooks, repository: new BrokenRepository() }));
    expect(told.map(([hook]) => hook)).to.deep.equal(['received', 'stored', 'replied']);
    expect(told[1]?.[1]).to.have.deep.property('update', { outcome: 'unstored' });
    expect(told[1]?.[1].error).to.have.property('message', 'connection refused');
    expect(told[2]?.[1]).to.have.property('status', 503);
  });

  it('handlerFailed receives the method and its error', async () => {
    const { told, hooks } = listening();
    await dispatchSigned(testEndpoint(Failing, { hooks }));
    expect(told.map(([hook]) => hook)).to.deep.equal(['received', 'handlerFailed', 'replied']);
    expect(told[1]?.[1]).to.include({ handler: 'Failing.post', code: 'handler-failed' });
    expect(told[1]?.[1].error).to.have.property('message', 'broken');
    expect(told[2]?.[1]).to.have.property('status', 500);
  });

  it('stored and handlerFailed are called if a method fails inside the transaction', async () => {
    const { told, hooks } = listening();
    await dispatchSigned(testEndpoint(FailingInside, { hooks, repository: await withPayment() }));
    expect(told.map(([hook]) => hook)).to.deep.equal(['received', 'stored', 'handlerFailed', 'replied']);
    expect(told[1]?.[1]).to.have.deep.property('update', { outcome: 'unstored' });
    expect(told[2]?.[1]).to.include({ handler: 'FailingInside.ship', code: 'handler-failed' });
    expect(told[2]?.[1].error).to.have.property('message', 'no courier');
  });

  it('handlerFailed receives handler-deadline if a method takes too long', async () => {
    const { told, hooks } = listening();
    @DragonpayCallback()
    class Endless {
      @OnPost() post() {
        return new Promise<void>(() => {});
      }
    }
    await dispatchSigned(testEndpoint(Endless, { hooks, limits: { handlerMilliseconds: 5 } }));
    expect(told[1]).to.satisfy(([hook]: Told) => hook === 'handlerFailed');
    expect(told[1]?.[1]).to.include({ handler: 'Endless.post', code: 'handler-deadline' });
    expect(told[1]?.[1].error)
      .to.satisfy(DragonpayError.is)
      .and.to.have.property('message', 'Endless.post took longer than 5 ms');
  });

  describe('that misbehaves', () => {
    const outcome = async (hooks: Hooks) => {
      const repository = await withPayment();
      const replies = [
        await dispatchSigned(testEndpoint(Silent, { hooks, repository })),
        await dispatchForged(testEndpoint(Silent, { hooks, repository })),
        await dispatchSigned(testEndpoint(Failing, { hooks, repository })),
        await dispatchSigned(testEndpoint(Silent, { hooks, repository: new BrokenRepository() })),
      ];
      return { replies, status: (await repository.findPayment('T-1'))?.status };
    };
    const hooksOf = (hook: () => unknown): Hooks => ({
      received: hook,
      rejected: hook,
      stored: hook,
      handlerFailed: hook,
      replied: hook,
    });
    const misbehaving: Array<[what: string, hook: () => unknown]> = [
      [
        'one that throws',
        () => {
          throw new Error('no log');
        },
      ],
      [
        'one that throws nothing',
        () => {
          throw undefined;
        },
      ],
      ['one that rejects', () => Promise.reject(new Error('no log'))],
      ['one of another realm that rejects', () => runInNewContext('Promise.reject(new Error("no log"))')],
      ['one that never settles', () => new Promise(() => {})],
      ['one that returns a reply', () => ({ status: 200, headers: {}, body: '' })],
    ];
    for (const [what, hook] of misbehaving) {
      it(`changes nothing: ${what}`, async () => {
        const unhandled: unknown[] = [];
        const listener = (reason: unknown) => unhandled.push(reason);
        process.on('unhandledRejection', listener);
        try {
          expect(await outcome(hooksOf(hook))).to.deep.equal(await outcome(hooksOf(() => {})));
          await new Promise((resolve) => setTimeout(resolve, 5));
        } finally {
          process.off('unhandledRejection', listener);
        }
        expect(unhandled).to.deep.equal([]);
      });
    }
  });

  describe('and log lines', () => {
    const forged = 'A\r\n2026-01-01 ERROR \u001b[31mpaid\u2028\u0085\u202e';
    const printable = /^[\u0020-\u007e]*$/;

    function textsOf(value: unknown): string[] {
      if (typeof value === 'string') return [value];
      return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsOf) : [];
    }

    const cases: Array<[what: string, request: () => ReturnType<typeof makeRequest>]> = [
      ['by an id', () => postForm(encodeCallback({ txnid: forged, refno: 'R', status: 'S' }))],
      ['by the id of a payout', () => getQuery(encodeCallback({ merchantTxnId: forged, refno: 'R', status: 'S' }))],
      ['by an id that is repeated', () => postForm(`${encodeCallback({ txnid: forged })}&txnid=B`)],
      [
        'by any field',
        () =>
          postForm(encodeCallback({ txnid: 'A', refno: forged, status: forged, message: forged, [forged]: forged })),
      ],
      ['by a method', () => makeRequest({ method: forged })],
    ];
    for (const [what, request] of cases) {
      it(`receives escaped text, so that nobody can forge a log line ${what}`, async () => {
        const { told, hooks } = listening();
        await testEndpoint(Silent, { hooks }).dispatch(request());
        expect(told.map(([hook]) => hook)).to.deep.equal(['received', 'rejected', 'replied']);
        for (const text of textsOf(told)) expect(text).to.match(printable);
      });
    }

    it('receives shortened text, so that nobody can fill the disk', async () => {
      const { told, hooks } = listening();
      await testEndpoint(Silent, { hooks }).dispatch(postForm(`txnid=${'A'.repeat(16_000)}`));
      expect(JSON.stringify(told).length).to.be.lessThan(1000);
    });

    it('receives text in printable ASCII', () => {
      expect(escapeForLog('a b~')).to.equal('a b~');
      expect(escapeForLog('\r\n\t\0\x7fñ💸')).to.equal('\\u000d\\u000a\\u0009\\u0000\\u007f\\u00f1\\ud83d\\udcb8');
      expect(escapeForLog('x'.repeat(200))).to.equal('x'.repeat(200));
      expect(escapeForLog('x'.repeat(201))).to.equal(`${'x'.repeat(200)}...`);
    });
  });

  it('receives no secret, key or proof', async () => {
    const secrets = {
      sha1: 'sw0rdfish-sha1',
      hmac: 'sw0rdfish-hmac',
      api: 'sw0rdfish-api',
      payout: 'sw0rdfish-payout',
    };
    const { told, hooks } = listening();
    const settings: Partial<DragonpaySettings> = {
      hooks,
      apiKey: secrets.api,
      verification: {
        rsa: { publicKeys: [merchantKey().publicKeyDer] },
        hmac: { keys: [secrets.hmac] },
        sha1: { secretKeys: [secrets.sha1] },
        transition: true,
      },
      payout: { sha1: { secretKeys: [secrets.payout] } },
    };
    const keys = {
      rsa: { privateKey: merchantKey().privateKeyPem },
      hmac: { key: secrets.hmac },
      sha1: { secretKey: secrets.sha1 },
    };
    const signed = signCallback(paymentFields({ amount: '100.00' }), keys, { merchantId: 'ACME' });
    const forged = { ...signed, status: 'F' };
    const payout = signCallback(
      { merchantTxnId: 'O-1', refno: 'R', status: 'S' },
      { sha1: { secretKey: secrets.payout } },
    );
    const repository = await withPayment();
    const fetched = { apiKey: secrets.api, verification: { rsa: {} }, fetch: () => Promise.reject(new Error('down')) };
    for (const endpoint of [
      testEndpoint(Silent, { ...settings, repository }),
      testEndpoint(Silent, { ...settings, repository: new BrokenRepository() }),
      testEndpoint(Failing, { ...settings, repository }),
      testEndpoint(FailingInside, { ...settings, repository: await withPayment() }),
      testEndpoint(Silent, { ...settings, ...fetched }),
    ]) {
      for (const fields of [signed, forged, payout, { ...payout, status: 'F' }, { ...signed, merchantid: 'OTHER' }]) {
        const form = encodeCallback(fields);
        await endpoint.dispatch(postForm(form));
        await endpoint.dispatch(getQuery(form));
        await endpoint.dispatch(postForm(`${form}&digest=a`));
        await endpoint.dispatch(getQuery(`${form}&message=%`));
      }
    }
    const hooksTold = new Set(told.map(([hook]) => hook));
    expect([...hooksTold]).to.have.members(['received', 'rejected', 'stored', 'handlerFailed', 'replied']);
    const proofs = [signed.digest, signed.signature, signed.signatures, payout.digest] as string[];
    const shown = told.map(([hook, event]) => {
      const error = event.error as Error | undefined;
      return `${hook} ${JSON.stringify(event)} ${error?.message} ${error?.stack}`;
    });
    for (const needle of [...Object.values(secrets), merchantKey().publicKeyDer, ...proofs]) {
      for (const line of shown) expect(line.toLowerCase()).to.not.include(needle.toLowerCase());
    }
  });

  it('may be absent', () => {
    expect(() => tell(undefined, {})).to.not.throw();
  });

  it('handlerFailed is called for a GET method, too', async () => {
    const { told, hooks } = listening();
    @DragonpayCallback()
    class FailingGet {
      @OnGet() get(_: Callback) {
        throw new Error('broken');
      }
    }
    await dispatchSigned(testEndpoint(FailingGet, { hooks }), paymentFields(), 'GET');
    expect(told[1]?.[1]).to.include({ handler: 'FailingGet.get', code: 'handler-failed' });
  });
});
