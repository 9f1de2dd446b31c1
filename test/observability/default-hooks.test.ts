import { expect } from 'chai';
import {
  type Callback,
  DragonpayCallback,
  DragonpayError,
  MemoryRepository,
  OnPost,
  OnStatus,
} from '../../src/index.js';
import { defaultHooks } from '../../src/observability/default-hooks.js';
import { describeError } from '../../src/observability/describe-error.js';
import { getQuery, makeRequest } from '../support/callback-request.js';
import { dispatchForged, dispatchSigned, paymentFields, testEndpoint } from '../support/dispatch-signed.js';

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
  @OnStatus('S') ship() {
    throw new Error('no courier');
  }
}

class BrokenRepository extends MemoryRepository {
  override async store(): Promise<never> {
    throw new Error('connection refused');
  }
}

async function withPayment(details: object = {}): Promise<MemoryRepository> {
  const repository = new MemoryRepository();
  await repository.createPayment({ txnid: 'T-1', amount: '100.00', ...details });
  return repository;
}

const minute = 60_000;

describe('The default hooks', () => {
  let lines: string[];
  const original = console.error;
  beforeEach(() => {
    lines = [];
    console.error = (...line: unknown[]) => void lines.push(line.join(' '));
  });
  afterEach(() => {
    console.error = original;
  });

  const hooks = {};
  const post = (repository: MemoryRepository, fields: object = {}) =>
    dispatchSigned(testEndpoint(Silent, { hooks, repository }), paymentFields(fields as never));

  const cases: Array<[what: string, run: () => Promise<unknown>, expected: readonly RegExp[]]> = [
    ['nothing about a callback that is applied', async () => post(await withPayment()), []],
    [
      'a line about a forgery',
      () => dispatchForged(testEndpoint(Silent, { hooks })),
      [/^refused a POST with 400 proof-mismatch: /],
    ],
    [
      'a line about another method, without its name',
      () => testEndpoint(Silent, { hooks }).dispatch(makeRequest({ method: 'FORGED' })),
      [/^refused a request with 405 method-not-allowed: (?!.*FORGED)/],
    ],
    [
      'a line about a body that was consumed',
      () =>
        testEndpoint(Silent, { hooks }).dispatch(makeRequest({ body: { kind: 'consumed', hint: 'a logger read it' } })),
      [/^refused a POST with 500 body-consumed: a logger read it$/],
    ],
    [
      'a line about an address that is not allowed',
      () =>
        testEndpoint(Silent, { hooks, allowFrom: ['192.0.2.1'] }).dispatch(makeRequest({ remoteAddress: '192.0.2.2' })),
      [/^refused a POST with 403 address-not-allowed: 192\.0\.2\.2 is not in allowFrom$/],
    ],
    [
      'a line about an address that is none',
      () =>
        testEndpoint(Silent, { hooks, allowFrom: ['192.0.2.1'], clientAddress: () => 'proxy' }).dispatch(
          makeRequest({}),
        ),
      [/^refused a POST with 403 address-not-allowed: the address of the sender is not known .+clientAddress/],
    ],
    [
      'a line about an unknown id, without it',
      async () => post(await withPayment(), { txnid: 'OTHER' }),
      [/^a verified payment callback has no row: (?!.*OTHER)/],
    ],
    [
      'a line about a mismatch, without the values',
      async () => post(await withPayment({ amount: '99.00' }), { amount: '100.00' }),
      [/^a verified payment callback differs from its row in amount: (?!.*100)/],
    ],
    [
      'a line about an unknown status letter',
      async () => post(await withPayment(), { status: 'X' }),
      [/^a verified payment callback has an unknown status letter: /],
    ],
    [
      'a line about a late payment',
      async () => post(await withPayment({ status: 'F' })),
      [/^a verified payment callback is a late payment: /],
    ],
    [
      'a line about a callback that could not be stored',
      () => post(new BrokenRepository()),
      [/^payment T-1 S was not stored: connection refused$/],
    ],
    [
      'the stack of a method that throws',
      () => dispatchSigned(testEndpoint(Failing, { hooks })),
      [/^Failing\.post failed: broken\n {4}at Failing\.post \(.+default-hooks\.test\.ts:\d+:\d+\)\n/],
    ],
    [
      'the stack of a method that throws inside the transaction',
      async () => dispatchSigned(testEndpoint(FailingInside, { hooks, repository: await withPayment() })),
      [/^payment T-1 S was not stored: /, /^FailingInside\.ship failed: no courier\n {4}at FailingInside\.ship \(/],
    ],
    [
      'two lines about keys that cannot be fetched',
      () =>
        testEndpoint(Silent, {
          ...{ hooks, apiKey: 'k', verification: { rsa: {} } },
          fetch: () => Promise.reject(new TypeError('fetch failed')),
        }).dispatch(
          makeRequest({ body: { kind: 'text', text: `txnid=A&refno=R&status=S&signatures=${'A'.repeat(344)}` } }),
        ),
      [
        /^the public keys were not renewed: the gateway was not reached$/,
        /^refused a POST with 503 keys-unavailable: the gateway was not reached$/,
      ],
    ],
  ];
  for (const [what, run, expected] of cases) {
    it(`write ${what}`, async () => {
      await run();
      const texts = lines.map((line) => line.replace(/^dragonpay-callback: /, ''));
      expect(texts, texts.join('\n')).to.have.length(expected.length);
      for (const [index, pattern] of expected.entries()) expect(texts[index]).to.match(pattern);
    });
  }

  it('are replaced one by one, and not by a hook that is undefined', async () => {
    await dispatchSigned(testEndpoint(Failing, { hooks: { handlerFailed: () => {} } }));
    expect(lines).to.deep.equal([]);
    await dispatchSigned(testEndpoint(Failing, { hooks: { handlerFailed: undefined } as never }));
    expect(lines).to.have.length(1);
  });

  it('write one line a minute for each kind, and say how many they left out', () => {
    const written: string[] = [];
    let now = 0;
    const { rejected } = defaultHooks({ write: (line) => written.push(line), now: () => now });
    const reject = (code: 'proof-mismatch' | 'missing-field') =>
      rejected?.({
        method: 'POST',
        code,
        status: 400,
        field: undefined,
        message: code,
        id: undefined,
        neverVerified: false,
      });
    for (let forged = 0; forged < 100; forged++) reject('proof-mismatch');
    reject('missing-field');
    now += minute - 1;
    reject('proof-mismatch');
    expect(written).to.have.length(2);
    now += 1;
    for (let forged = 0; forged < 10; forged++) reject('proof-mismatch');
    expect(written.map((line) => line.replace(/^.*: /, ''))).to.deep.equal([
      'proof-mismatch',
      'missing-field',
      'proof-mismatch (and 100 more since the last line of this kind)',
    ]);
  });

  it('say once that every callback is refused for its proof, while none was ever verified', async () => {
    const endpoint = testEndpoint(Silent, { hooks });
    const loud = () => lines.filter((line) => line.includes('EVERY CALLBACK IS REFUSED'));
    await dispatchForged(endpoint);
    await dispatchForged(endpoint);
    expect(loud(), 'two may be forgeries').to.deep.equal([]);
    for (let more = 0; more < 5; more++) await dispatchForged(endpoint);
    expect(loud()).to.have.length(1);
    expect(loud()[0]).to.match(/verify --diagnose.*reconcile\(\)/);
  });

  it('do not say it after a callback of the same kind was verified', async () => {
    const repository = await withPayment();
    const endpoint = testEndpoint(Silent, { hooks, repository });
    await dispatchSigned(endpoint, paymentFields({ amount: '100.00' }));
    for (let more = 0; more < 5; more++) await dispatchForged(endpoint);
    expect(lines.join()).to.include('proof-mismatch').and.not.include('EVERY');
    const forgedPayout = getQuery(`merchantTxnId=T-1&refNo=R1&status=S&message=&digest=${'0'.repeat(40)}`);
    for (let more = 0; more < 5; more++) await endpoint.dispatch(forgedPayout);
    expect(lines.join(), 'no payout was verified').to.include('EVERY');
  });

  it('write only the message of an error of this package', () => {
    const error = new DragonpayError('handler-deadline', 'H.post took longer than 5 ms');
    defaultHooks().handlerFailed?.({ handler: 'H.post', code: 'handler-deadline', error });
    expect(lines).to.deep.equal(['dragonpay-callback: H.post failed: H.post took longer than 5 ms']);
  });
});

describe('describeError', () => {
  it('puts a message on one line, whatever was thrown', () => {
    for (const error of [new Error('a\nb'), 'a\nb', { toString: () => 'a\nb' }]) {
      expect(describeError(error).message).to.equal('a\\u000ab');
    }
    expect(describeError(undefined)).to.deep.equal({ message: 'undefined', stack: '' });
  });

  it('takes no line of the message for a frame of the stack', () => {
    const { stack } = describeError(new Error('a\n    at forged (file:1:1)'));
    expect(stack)
      .to.match(/^\n {4}at /)
      .and.not.include('forged');
  });

  it('names the causes, and ends where a cause is itself', () => {
    const cause = new Error('inner\nmessage');
    const { stack } = describeError(new Error('outer', { cause }));
    expect(stack).to.match(/\n {2}caused by: inner\\u000amessage\n {4}at /);
    const circular: Error & { cause?: unknown } = new Error('circular');
    circular.cause = circular;
    expect(describeError(circular).stack.match(/caused by/g)).to.have.length(3);
  });

  it('never throws, also for values that throw when they are looked at', () => {
    const hostile = new Proxy(new Error('x'), {
      get() {
        throw new Error('looked at');
      },
    });
    const noText = { toString: () => undefined };
    for (const error of [hostile, noText, Object.create(null), Symbol('s')]) {
      expect(describeError(error).message).to.be.a('string').that.is.not.empty;
    }
  });
});
