import { expect } from 'chai';
import { InFlight } from '../../src/async/in-flight.js';
import {
  type Callback,
  type CallbackReply,
  type CallbackRequest,
  DragonpayCallback,
  MemoryRepository,
  OnDispatch,
  OnPost,
} from '../../src/index.js';
import { postForm } from '../support/callback-request.js';
import { dispatchSigned, testDragonpay } from '../support/dispatch-signed.js';

/** A promise, and what settles it. */
function deferred<Value = void>() {
  let settle: { resolve(value: Value): void; reject(error: Error): void } | undefined;
  const promise = new Promise<Value>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...(settle as NonNullable<typeof settle>) };
}

describe('InFlight', () => {
  it('counts nothing at first', async () => {
    expect(await new InFlight().drained(1)).to.equal(true);
  });

  it('returns the promise that it follows, and waits for it', async () => {
    const inFlight = new InFlight();
    const work = deferred<string>();
    expect(inFlight.follow(work.promise)).to.equal(work.promise);
    const drained = inFlight.drained(1000);
    work.resolve('done');
    expect(await drained).to.equal(true);
  });

  it('stops waiting after the given time', async () => {
    const inFlight = new InFlight();
    const work = deferred();
    inFlight.follow(work.promise);
    expect(await inFlight.drained(5)).to.equal(false);
    work.resolve();
    expect(await inFlight.drained(5)).to.equal(true);
  });

  it('leaves a rejection to the owner of the promise', async () => {
    const inFlight = new InFlight();
    const work = deferred();
    const caught = inFlight.follow(work.promise).catch((error: Error) => error.message);
    work.reject(new Error('broken'));
    expect(await inFlight.drained(1000)).to.equal(true);
    expect(await caught).to.equal('broken');
  });

  it('also waits for work that begins while it waits', async () => {
    const inFlight = new InFlight();
    const [first, second] = [deferred(), deferred()];
    inFlight.follow(first.promise.then(() => void inFlight.follow(second.promise)));
    let drained = false;
    const draining = inFlight.drained(1000).then((all) => {
      drained = true;
      return all;
    });
    first.resolve();
    await new Promise(setImmediate);
    expect(drained).to.equal(false);
    second.resolve();
    expect(await draining).to.equal(true);
  });

  it('also waits for work that follows a settled promise', async () => {
    const inFlight = new InFlight();
    const [first, second] = [deferred(), deferred()];
    const work = (async () => {
      await inFlight.follow(first.promise);
      await inFlight.follow(second.promise);
      return 'done';
    })();
    const draining = Promise.race([inFlight.drained(1000), work]);
    first.resolve();
    await new Promise(setImmediate);
    second.resolve();
    expect(await draining).to.equal('done');
  });
});

/** Stores nothing before a promise settles. */
class SlowRepository extends MemoryRepository {
  readonly #until: Promise<void>;

  constructor(until: Promise<void>) {
    super();
    this.#until = until;
  }

  override async store(...args: Parameters<MemoryRepository['store']>) {
    await this.#until;
    return super.store(...args);
  }
}

describe('dragonpay.close()', () => {
  let entered: ReturnType<typeof deferred<void>>;
  let release: ReturnType<typeof deferred<void>>;
  let handled: number;

  @DragonpayCallback()
  class Slow {
    @OnPost()
    async post(_: Callback) {
      entered.resolve();
      await release.promise;
      handled++;
    }
  }

  beforeEach(() => {
    entered = deferred();
    release = deferred();
    handled = 0;
  });

  it('resolves at once where nothing is under way', async () => {
    const dragonpay = testDragonpay();
    dragonpay.endpoint(Slow);
    expect(await dragonpay.close()).to.equal(true);
    expect(await dragonpay.close(), 'again').to.equal(true);
  });

  it('waits for a callback under way, and takes no more', async () => {
    const dragonpay = testDragonpay();
    const endpoint = dragonpay.endpoint(Slow);
    const underWay = dispatchSigned(endpoint);
    await entered.promise;
    let closed = false;
    const closing = dragonpay.close().then((all) => {
      closed = true;
      return all;
    });
    const request = postForm('txnid=A');
    expect(await endpoint.dispatch(request)).to.deep.include({ status: 503, body: 'error=closing' });
    expect((await endpoint.dispatch(request)).headers).to.have.property('Retry-After');
    expect((await dragonpay.endpoint(Slow).dispatch(request)).status, 'nor does a new endpoint').to.equal(503);
    expect(request.limitsAsked, 'the body is not even read').to.deep.equal([]);
    expect(closed).to.equal(false);
    release.resolve();
    expect(await closing).to.equal(true);
    expect(await underWay).to.include({ status: 200 });
    expect(handled).to.equal(1);
  });

  it('gives up after a while, and says so', async () => {
    const dragonpay = testDragonpay();
    const underWay = dispatchSigned(dragonpay.endpoint(Slow));
    await entered.promise;
    expect(await dragonpay.close({ milliseconds: 5 })).to.equal(false);
    release.resolve();
    await underWay;
    expect(await dragonpay.close()).to.equal(true);
  });

  it('waits for a statement that outlasts its answer', async () => {
    const stored = deferred();
    const dragonpay = testDragonpay({
      repository: new SlowRepository(stored.promise),
      limits: { storeMilliseconds: 5 },
    });
    @DragonpayCallback()
    class Silent {
      @OnPost() post() {}
    }
    expect(await dispatchSigned(dragonpay.endpoint(Silent))).to.include({ status: 503, body: 'error=unstored' });
    expect(await dragonpay.close({ milliseconds: 5 })).to.equal(false);
    stored.resolve();
    expect(await dragonpay.close()).to.equal(true);
  });

  it('waits for a statement whose answer @OnDispatch did not wait for', async () => {
    const stored = deferred();
    const dragonpay = testDragonpay({ repository: new SlowRepository(stored.promise) });
    @DragonpayCallback()
    class Hasty {
      @OnDispatch()
      async around(_: CallbackRequest, next: () => Promise<CallbackReply>): Promise<CallbackReply> {
        void next();
        await new Promise(setImmediate);
        return { status: 202, headers: {}, body: 'later' };
      }
    }
    expect(await dispatchSigned(dragonpay.endpoint(Hasty))).to.include({ status: 202 });
    expect(await dragonpay.close({ milliseconds: 5 })).to.equal(false);
    stored.resolve();
    expect(await dragonpay.close()).to.equal(true);
  });

  it('waits for a fetch of public keys', async () => {
    const answered = deferred<Response>();
    const asked = deferred();
    const dragonpay = testDragonpay({
      apiKey: 'api key',
      verification: { rsa: {} },
      fetch: () => {
        asked.resolve();
        return answered.promise;
      },
    });
    @DragonpayCallback()
    class Silent {
      @OnPost() post() {}
    }
    const underWay = dragonpay
      .endpoint(Silent)
      .dispatch(postForm(`txnid=A&refno=R&status=S&signatures=${'A'.repeat(344)}`));
    await asked.promise;
    expect(await dragonpay.close({ milliseconds: 5 })).to.equal(false);
    answered.resolve(new Response('[]'));
    expect(await dragonpay.close()).to.equal(true);
    expect(await underWay).to.include({ status: 503, body: 'error=keys-unavailable' });
  });
});
