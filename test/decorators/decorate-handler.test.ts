import { expect } from 'chai';
import { decorateHandler } from '../../src/decorators/decorate-handler.js';
import { DragonpayCallback } from '../../src/decorators/dragonpay-callback.js';
import { OnDispatch } from '../../src/decorators/on-dispatch.js';
import { OnGet } from '../../src/decorators/on-get.js';
import { OnPost } from '../../src/decorators/on-post.js';
import { OnStatus } from '../../src/decorators/on-status.js';
import { DragonpayError } from '../../src/errors.js';
import type { Callback, StoredCallback } from '../../src/model/callback.js';
import type { CallbackReply, CallbackRequest } from '../../src/model/callback-request.js';
import { MemoryRepository } from '../../src/repository/memory-repository.js';
import { dispatchForged, dispatchSigned, paymentFields, testEndpoint } from '../support/dispatch-signed.js';

describe('decorateHandler', () => {
  it('decorateHandler calls the methods that the decorators name, also inherited ones', async () => {
    const shipped: string[] = [];
    class Base {
      show(callback: Callback) {
        return `valid ${callback.valid}`;
      }
    }
    class CheckoutCallback extends Base {
      ship({ data }: StoredCallback<'S'>) {
        shipped.push(data.txnid);
      }
      async around(_request: CallbackRequest, next: () => Promise<CallbackReply>) {
        const reply = await next();
        return { ...reply, body: `${reply.body}!` };
      }
    }
    decorateHandler(CheckoutCallback, { ship: OnStatus('S'), show: OnGet(), around: OnDispatch() });
    const repository = new MemoryRepository();
    await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
    const endpoint = testEndpoint(CheckoutCallback, { repository });
    for (const _ of ['first', 'again']) expect((await dispatchSigned(endpoint)).body).to.equal('result=OK!');
    expect(shipped).to.deep.equal(['T-1']);
    expect((await dispatchSigned(endpoint, paymentFields(), 'GET')).body).to.equal('valid true!');
  });

  it('decorateHandler passes the options of the class on', async () => {
    class Quiet {
      settle() {
        return 'called';
      }
    }
    decorateHandler(Quiet, { settle: OnPost() }, { allowInvalidData: false });
    expect((await dispatchForged(testEndpoint(Quiet))).body).to.equal('error=proof-mismatch');
  });

  it('decorateHandler refuses a name that no method has', () => {
    class Misspelt {
      ship() {}
    }
    const decorate = () => decorateHandler(Misspelt as { new (): Misspelt & { shpi(): void } }, { shpi: OnPost() });
    expect(decorate).to.throw(DragonpayError, 'Misspelt has no method shpi');
  });

  for (const [name, decorate] of Object.entries({ OnGet, OnPost, OnDispatch, OnStatus, DragonpayCallback })) {
    it(`${name} refuses to decorate before it is called`, () => {
      class CheckoutCallback {
        settle() {}
      }
      const { prototype } = CheckoutCallback;
      const descriptor = Object.getOwnPropertyDescriptor(prototype, 'settle');
      const legacy = name === 'DragonpayCallback' ? [CheckoutCallback] : [prototype, 'settle', descriptor];
      const standard = [name === 'DragonpayCallback' ? CheckoutCallback : prototype.settle, { kind: 'method' }];
      for (const args of [legacy, standard]) {
        expect(() => Reflect.apply(decorate, undefined, args)).to.throw(DragonpayError, `write @${name}()`);
      }
    });
  }
});
