import { setTimeout as sleep } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import {
  type CallbackReply,
  type CallbackRequest,
  DragonpayCallback,
  DragonpayError,
  OnDispatch,
  OnPost,
  OnStatus,
} from '../../src/index.js';
import type { MerchantRepository } from '../../src/repository/capabilities.js';
import { describeRepositories } from '../support/describe-repositories.js';
import { dispatchSigned, paymentFields, testEndpoint } from '../support/dispatch-signed.js';

const fail = () => {
  throw new Error('trap');
};

function circularCause(): Error {
  const error = new Error('no stock');
  error.cause = error;
  return error;
}

function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

/** Values that a method may throw, or return by mistake. */
const values: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  'a symbol': () => Symbol('x'),
  'an error that is its own cause': circularCause,
  'a proxy that throws': () => new Proxy({}, { get: fail, has: fail, getPrototypeOf: fail, ownKeys: fail }),
  'a revoked proxy': revokedProxy,
  'an object without a prototype': () => Object.create(null),
  'an object whose message throws': () => Object.defineProperty(new Error('x'), 'message', { get: fail }),
  'an object whose then throws': () => Object.defineProperty({}, 'then', { get: fail }),
  'a frozen error': () => Object.freeze(new Error('frozen')),
  'an error whose stack throws': () => Object.defineProperty(new Error('x'), 'stack', { get: fail }),
  'an error of this package whose code throws': () =>
    Object.defineProperty(new DragonpayError('unstored', 'x'), 'code', { get: fail }),
  'a proxy of an error of this package': () => new Proxy(new DragonpayError('unstored', 'x'), { get: fail }),
  'an error of another realm': () => runInNewContext('new Error("no stock")'),
  'an AggregateError without a message': () => new AggregateError([new Error('connect ECONNREFUSED ::1:5432')]),
  'a DOMException': () => new DOMException('no stock', 'AbortError'),
};

const places = ['@OnPost', '@OnStatus', '@OnDispatch'] as const;
const ways: Readonly<Record<string, (value: unknown) => unknown>> = {
  throws: (value) => {
    throw value;
  },
  'rejects with': (value) => Promise.reject(value),
  returns: (value) => value,
};

describeRepositories('An odd error', (currentRepository) => {
  let repository: MerchantRepository;
  let count = 0;

  beforeEach(() => {
    repository = currentRepository();
  });

  for (const place of places) {
    for (const [way, act] of Object.entries(ways)) {
      it(`does not reject the promise of dispatch when ${place} ${way} it`, async () => {
        for (const [what, make] of Object.entries(values)) {
          @DragonpayCallback()
          class Odd {
            @OnDispatch() async around(_: CallbackRequest, next: () => Promise<CallbackReply>) {
              const reply = await next();
              return place === '@OnDispatch' ? ((await act(make())) as CallbackReply) : reply;
            }
            @OnStatus('S') reach(): void | Promise<void> {
              if (place === '@OnStatus') return act(make()) as Promise<void>;
            }
            @OnPost() post(): undefined {
              return place === '@OnPost' ? (act(make()) as undefined) : undefined;
            }
          }
          const txnid = `T-${++count}`;
          await repository.createPayment({ txnid, amount: '1.00' });
          const told: Array<{ code: string; error: unknown }> = [];
          const hooks = {
            handlerFailed: (event: { code: string; error: unknown }) => told.push(event),
            stored: () => {},
          };
          const endpoint = testEndpoint(Odd, { repository, hooks });
          const reply = await Promise.race([
            dispatchSigned(endpoint, paymentFields({ txnid })),
            sleep(5_000, { status: 'no answer', body: '' }),
          ]);
          const isResult =
            way === 'returns' &&
            (place === '@OnStatus' ? !/then|proxy/.test(what) : what === 'undefined' && place === '@OnPost');
          if (isResult) {
            expect(reply, what).to.include({ status: 200, body: 'result=OK' });
          } else {
            expect(reply, what).to.include({ status: 500, body: 'error=handler-failed' });
            expect(told, what).to.have.length(1);
          }
          const status = (await repository.findPayment(txnid))?.status;
          expect(status, what).to.equal(place === '@OnStatus' && !isResult ? 'P' : 'S');
        }
      });
    }
  }

  it('is reported by the default hooks, whatever it is', async () => {
    const lines: unknown[] = [];
    const { error } = console;
    console.error = (line) => lines.push(line);
    try {
      for (const [, make] of Object.entries(values)) {
        @DragonpayCallback()
        class Odd {
          @OnPost() post() {
            throw make();
          }
        }
        const { handlerFailed, ...hooks } = { handlerFailed: undefined, rejected: () => {}, stored: () => {} };
        await dispatchSigned(testEndpoint(Odd, { hooks }));
      }
    } finally {
      console.error = error;
    }
    expect(lines).to.have.length(Object.keys(values).length);
    for (const line of lines) expect(line).to.match(/^dragonpay-callback: Odd\.post failed: .*\w/);
  });
});
