import { expect } from 'chai';
import {
  type Callback,
  DragonpayCallback,
  MemoryRepository,
  type MemoryTransaction,
  OnGet,
  OnPost,
  OnStatus,
  reply,
  type StoredCallback,
  type ValidCallback,
} from '../../../src/index.js';
import type { CallbackFields } from '../../../src/testing.js';
import { dispatchForged, dispatchSigned, paymentFields, testEndpoint } from '../../support/dispatch-signed.js';
import {
  errorReply,
  firstSeen,
  forgetSeen,
  payoutFields,
  Recording,
  repositoryWith,
  resultOk,
  retry,
  returning,
  Silent,
  Strict,
  seen,
  UpdatingOnGet,
} from '../../support/recording-handlers.js';

describe('Step 4, store', () => {
  beforeEach(forgetSeen);

  describe('the outcome of a verified callback', () => {
    interface Line {
      readonly outcome: string;
      readonly fields: CallbackFields;
      readonly from?: 'P' | 'S' | 'F';
      readonly update?: object;
      /** The final status of the row. */
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
      it(`${outcome} is the outcome of ${[fields.txnid, fields.status, fields.amount, fields.ccy].filter(Boolean).join(' ')} after ${from ?? 'P'}`, async () => {
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

    it('the default reply is the same if the class has no method', async () => {
      for (const { fields, from } of lines) {
        const endpoint = testEndpoint(Silent, { repository: await repositoryWith(from) });
        expect(await dispatchSigned(endpoint, fields)).to.deep.equal(resultOk);
        expect(await dispatchSigned(endpoint, fields, 'GET')).to.deep.equal(resultOk);
      }
    });

    it('a GET is not stored, and its method still answers', async () => {
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

    it('saveData: false stores nothing, but looks up rows', async () => {
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

    it('a receiver without a repository stores nothing and finds no row', async () => {
      expect(await dispatchSigned(testEndpoint(Recording))).to.deep.equal(resultOk);
      const callback = firstSeen();
      expect(callback.update).to.deep.equal({ outcome: 'skipped' });
      expect(await callback.stored()).to.equal(undefined);
    });
  });

  describe('allowInvalidData: false', () => {
    it('an unknown id is answered 404 without a handler, and recorded (allowInvalidData: false)', async () => {
      const repository = await repositoryWith();
      const endpoint = testEndpoint(Strict, { repository });
      expect(await dispatchSigned(endpoint, paymentFields({ txnid: 'unknown' }))).to.deep.equal(
        errorReply(404, 'not-found'),
      );
      expect(seen).to.deep.equal([]);
      expect((await repository.callbacks()).map(({ outcome }) => outcome)).to.deep.equal(['not-found']);
    });

    it('a valid callback reaches the handler if allowInvalidData is false', async () => {
      const repository = await repositoryWith();
      expect(await dispatchSigned(testEndpoint(Strict, { repository }))).to.deep.equal(resultOk);
      expect(
        await dispatchSigned(testEndpoint(Strict, { repository }), paymentFields({ amount: '1.00' })),
      ).to.deep.equal(resultOk);
      expect(seen.map(([, { update }]) => update.outcome)).to.deep.equal(['applied', 'mismatch']);
    });
  });

  describe('@OnStatus', () => {
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

    it('@OnStatus runs when the row reaches the status, before @OnPost, in its transaction', async () => {
      const repository = await repositoryWith();
      expect(await dispatchSigned(testEndpoint(Shipping, { repository }))).to.deep.equal(resultOk);
      expect(methodsSeen()).to.deep.equal(['ship', 'post']);
      const callback = firstSeen<StoredCallback<'S', MemoryTransaction>>();
      expect(callback.update).to.deep.equal({ outcome: 'applied', previous: 'P', current: 'S', late: false });
      expect(callback.trx.row).to.include({ id: 'T-1', status: 'S' });
      expect(callback.signal).to.be.instanceOf(AbortSignal);
    });

    it('@OnStatus runs once for each status, however often it is delivered', async () => {
      const endpoint = testEndpoint(Shipping, { repository: await repositoryWith() });
      for (const status of ['P', 'S', 'S', 'P', 'R', 'S', 'R'])
        await dispatchSigned(endpoint, paymentFields({ status }));
      expect(methodsSeen().filter((method) => method === 'ship')).to.have.length(2);
    });

    it('@OnStatus runs only for the kind that it names', async () => {
      const endpoint = testEndpoint(Shipping, { repository: await repositoryWith() });
      await dispatchSigned(endpoint, paymentFields({ status: 'F' }));
      expect(methodsSeen()).to.deep.equal(['post']);
      await dispatchSigned(endpoint, { ...payoutFields, status: 'F' });
      expect(methodsSeen()).to.deep.equal(['post', 'takeBack', 'post']);
    });

    it('@OnStatus does not run for a callback that is not stored', async () => {
      const repository = await repositoryWith();
      await dispatchSigned(testEndpoint(Shipping, { repository }), paymentFields(), 'GET');
      await dispatchSigned(testEndpoint(Shipping, { repository }), paymentFields({ amount: '1.00' }));
      await dispatchForged(testEndpoint(Shipping, { repository }));
      expect(methodsSeen()).to.deep.equal(['get', 'post', 'post']);
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
      it(`@OnStatus that ${what} rolls the move back, and the next delivery tries again`, async () => {
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

  describe('a repository that fails', () => {
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
        it(`${what} is answered 503, though the handler returns ${String(JSON.stringify(result)).slice(0, 20)}`, async () => {
          expect(await dispatchSigned(testEndpoint(returning(result), { repository, limits }))).to.deep.equal(unstored);
          expect(seen.map(([, { update }]) => update)).to.deep.equal([{ outcome: 'unstored' }]);
        });
      }

      it(`${what} is answered 503, though the handler throws`, async () => {
        @DragonpayCallback()
        class Failing {
          @OnPost() post() {
            throw new Error('broken');
          }
        }
        expect(await dispatchSigned(testEndpoint(Failing, { repository, limits }))).to.deep.equal(unstored);
      });

      it(`${what} is answered 503 with each option of the class`, async () => {
        const settings = { repository, limits };
        expect(await dispatchSigned(testEndpoint(UpdatingOnGet, settings), paymentFields(), 'GET')).to.deep.equal(
          unstored,
        );
        expect(await dispatchSigned(testEndpoint(Strict, settings))).to.deep.equal(unstored);
        expect(await dispatchSigned(testEndpoint(Silent, settings))).to.deep.equal(unstored);
      });

      it(`${what} does not affect a GET that stores nothing`, async () => {
        expect(
          await dispatchSigned(testEndpoint(Recording, { repository, limits }), paymentFields(), 'GET'),
        ).to.deep.equal(resultOk);
      });
    }

    it('a slow store has the time of its @OnStatus method in addition', async () => {
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

    it('a failure of a method that cannot be recorded is still reported as that of the method', async () => {
      class Forgetful extends MemoryRepository {
        override recordFailure(): Promise<never> {
          return Promise.reject(new Error('connection refused'));
        }
      }
      const repository = new Forgetful();
      await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
      @DragonpayCallback()
      class Shipping {
        @OnStatus('S') ship(_: StoredCallback<'S'>) {
          throw new Error('no courier');
        }
      }
      const told: unknown[] = [];
      const hooks = { stored() {}, handlerFailed: (event: object) => told.push(event) };
      const { status } = await dispatchSigned(testEndpoint(Shipping, { repository, hooks }));
      expect(status).to.equal(500);
      expect(told).to.have.length(1);
      expect(told[0]).to.deep.include({ handler: 'Shipping.ship', code: 'handler-failed' });
      expect(told[0]).to.have.nested.property('error.message', 'no courier');
    });

    it('stored() rejects if the row cannot be looked up, and the handler can catch it', async () => {
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
});
