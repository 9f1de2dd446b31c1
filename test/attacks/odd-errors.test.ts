import { setTimeout as sleep } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import {
  type CallbackReply,
  type CallbackRequest,
  DragonpayCallback,
  DragonpayError,
  type DragonpaySettings,
  MemoryRepository,
  OnDispatch,
  OnPost,
  OnStatus,
} from '../../src/index.js';
import type { MerchantRepository } from '../../src/repository/capabilities.js';
import { encodeCallback } from '../../src/testing.js';
import { postForm } from '../support/callback-request.js';
import { describeRepositories } from '../support/describe-repositories.js';
import { dispatchSigned, paymentFields, testDragonpay, testEndpoint } from '../support/dispatch-signed.js';

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

@DragonpayCallback()
class Shop {
  @OnPost() post() {}
}

/** Throws a value that throws such a value again when it is read. */
function failAgain(): never {
  throw new Proxy({}, { get: failAgain, has: failAgain, getPrototypeOf: failAgain });
}

/** Values that a method may throw, or return by mistake. */
const values: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  'a symbol': () => Symbol('x'),
  'an error that is its own cause': circularCause,
  'a proxy that throws': () => new Proxy({}, { get: fail, has: fail, getPrototypeOf: fail, ownKeys: fail }),
  'a proxy that throws such a proxy': () =>
    new Proxy({}, { get: failAgain, has: failAgain, getPrototypeOf: failAgain }),
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

describe('An odd error of the fetch of the settings', () => {
  const rsaOnly: Partial<DragonpaySettings> = { apiKey: 'key', verification: { rsa: {} } };
  const signatures = Buffer.alloc(256, 1).toString('base64');

  for (const [way, act] of Object.entries(ways)) {
    it(`refuses no callback for ever, and costs two fetches at once, when fetch ${way} it`, async () => {
      for (const [what, make] of Object.entries(values)) {
        let fetches = 0;
        const fetch = (async () => {
          fetches++;
          return act(make());
        }) as DragonpaySettings['fetch'];
        const endpoint = testEndpoint(Shop, { ...rsaOnly, fetch });
        const form = encodeCallback({ ...paymentFields(), param1: '', param2: '', amount: '1.00', signatures });
        for (let sent = 0; sent < 4; sent++) {
          const reply = await endpoint.dispatch(postForm(form));
          expect(reply, what).to.include({ status: 503, body: 'error=keys-unavailable' });
        }
        expect(fetches, what).to.equal(2);
      }
    });

    it(`becomes a coded error of the inquiry when fetch ${way} it`, async () => {
      for (const [what, make] of Object.entries(values)) {
        const repository = new MemoryRepository();
        await repository.createPayment({ txnid: 'T-1', amount: '1.00' });
        const told: unknown[] = [];
        const dragonpay = testDragonpay({
          repository,
          apiKey: 'key',
          fetch: (async () => act(make())) as DragonpaySettings['fetch'],
          inquiry: { attempts: 1 },
          hooks: { inquired: ({ error }) => told.push(error) },
        });
        dragonpay.endpoint(Shop);
        expect((await dragonpay.reconcile({ txnids: ['T-1'] })).failed, what).to.equal(1);
        expect(told[0], what).to.have.property('code', 'gateway-unavailable');
      }
    });
  }
});
