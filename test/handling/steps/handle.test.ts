import { expect } from 'chai';
import {
  type Callback,
  DragonpayCallback,
  MemoryRepository,
  OnDispatch,
  OnPost,
  OnStatus,
  reply,
  type StoredCallback,
} from '../../../src/index.js';
import type { CallbackReply, CallbackRequest } from '../../../src/model/callback-request.js';
import { makeRequest, postForm } from '../../support/callback-request.js';
import { dispatchForged, dispatchSigned, paymentFields, testEndpoint } from '../../support/dispatch-signed.js';
import {
  errorReply,
  firstSeen,
  forgetSeen,
  formOf,
  payoutFields,
  Recording,
  repositoryWith,
  resultOk,
  retry,
  Silent,
  seen,
} from '../../support/recording-handlers.js';

describe('Step 5, handle', () => {
  beforeEach(forgetSeen);

  it('a verified callback has all its documented properties', async () => {
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

  it('a payout callback has its data and finds its row', async () => {
    const repository = await repositoryWith();
    expect(await dispatchSigned(testEndpoint(Recording, { repository }), payoutFields)).to.deep.equal(resultOk);
    const callback = firstSeen();
    expect(callback.kind).to.equal('payout');
    expect(callback.data).to.deep.equal(payoutFields);
    expect(await callback.stored()).to.include({ merchantTxnId: 'O-1', status: 'S' });
  });

  describe('the deadline of a handler method', () => {
    const limits = { handlerMilliseconds: 10 };

    it('a late handler method is answered 503, and its signal aborts', async () => {
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

    it('a late thenable that is not a Promise is answered 503', async () => {
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

    it('the signal is aborted if it is first read after the deadline', async () => {
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

    it('a handler method that ends in time is not aborted', async () => {
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

    it('a handler method that rejects after its deadline causes no unhandled rejection', async () => {
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

  describe('the resolver', () => {
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

    it('one instance serves all callbacks if there is no resolver', async () => {
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
      it(`a resolver ${what} is asked once for each request`, async () => {
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

    it('resolver.get() is called as a method of the resolver', async () => {
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
      it(`a resolver that ${what} is answered 500, and nothing is stored`, async () => {
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

    it('a resolver that returns no instance is answered 500, and nothing is stored', async () => {
      @DragonpayCallback()
      class Queued {
        @OnStatus('S', { queue: 'ship' }) ship() {}
      }
      const queue = { enqueue: async () => {} };
      for (const nobody of [undefined, null]) {
        for (const Class of [Recording, Queued]) {
          const repository = await repositoryWith();
          const endpoint = testEndpoint(Class, { resolver: { get: () => nobody }, repository, queue });
          const fields = paymentFields({ status: 'P' });
          expect(await dispatchSigned(endpoint, fields), Class.name).to.deep.equal(errorReply(500, 'handler-failed'));
          expect(await repository.callbacks()).to.deep.equal([]);
        }
      }
    });

    it('the resolver is not asked if the class has no method for the request', async () => {
      const resolver = {
        get: () => {
          throw new Error('asked');
        },
      };
      expect(await dispatchSigned(testEndpoint(Silent, { resolver }), paymentFields(), 'GET')).to.deep.equal(resultOk);
    });
  });

  describe('@OnDispatch', () => {
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

    it('@OnDispatch wraps every request, including refused ones', async () => {
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

    it('@OnDispatch can replace the reply', async () => {
      const other = { status: 202, headers: { 'X-Own': 'yes' }, body: 'other' };
      expect(await dispatchSigned(testEndpoint(wrappedIn((_, next) => next().then(() => other))))).to.deep.equal(other);
      expect(seen).to.have.length(1);
    });

    it('@OnDispatch can answer with a status that has no body', async () => {
      for (const status of [204, 205, 304]) {
        const endpoint = testEndpoint(wrappedIn(async (_, next) => ({ ...(await next()), status })));
        expect(await dispatchSigned(endpoint)).to.include({ status, body: '' });
      }
    });

    it('@OnDispatch can answer without calling next(), and nothing is stored', async () => {
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

    it('@OnDispatch sees the reply to a handler that failed', async () => {
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

    it('@OnDispatch has a deadline for its own time, and the time of next() does not count', async () => {
      const limits = { handlerMilliseconds: 50 };
      const stuck = testEndpoint(
        wrappedIn(() => new Promise(() => {})),
        { limits },
      );
      expect(await dispatchSigned(stuck)).to.deep.equal(errorReply(503, 'handler-deadline', retry));
      class Slow extends MemoryRepository {
        override async store(...args: Parameters<MemoryRepository['store']>) {
          await new Promise((resolve) => setTimeout(resolve, 120));
          return super.store(...args);
        }
      }
      const patient = testEndpoint(
        wrappedIn((_, next) => next()),
        { limits, repository: new Slow() },
      );
      expect(await dispatchSigned(patient)).to.deep.equal(resultOk);
    });

    it('next() handles the request once, however often it is called', async () => {
      const endpoint = testEndpoint(wrappedIn(async (_, next) => (await Promise.all([next(), next()]))[1]));
      expect(await dispatchSigned(endpoint)).to.deep.equal(resultOk);
      expect(seen).to.have.length(1);
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
        'throws after next()',
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
        // Replies that no server can write.
        { status: 42, headers: {}, body: '' },
        { status: 1000, headers: {}, body: '' },
        { status: 200, headers: { 'X-Own': 'a\r\nb' }, body: '' },
        { status: 200, headers: { 'X-Own': undefined }, body: '' },
        { status: 200, headers: { 'X Own': 'a' }, body: '' },
        reply.text('a'),
      ].map((garbage): [string, Around] => [`returns ${JSON.stringify(garbage)}`, () => garbage]),
    ];
    for (const [what, around] of failing) {
      it(`@OnDispatch that ${what.slice(0, 50)} is answered 500`, async () => {
        expect(await dispatchSigned(testEndpoint(wrappedIn(around)))).to.deep.equal(errorReply(500, 'handler-failed'));
      });
    }
  });
});
