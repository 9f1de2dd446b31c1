import { AsyncLocalStorage } from 'node:async_hooks';
import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { expect } from 'chai';
import {
  type Callback,
  createDragonpay,
  DragonpayCallback,
  MemoryRepository,
  OnPost,
  OnStatus,
  type TraceChannels,
} from '../../src/index.js';
import {
  dispatchForged,
  dispatchSigned,
  paymentFields,
  sha1Settings,
  testDragonpay,
} from '../support/dispatch-signed.js';
import { startStandInGateway } from '../support/stand-in-gateway.js';

type Name = keyof TraceChannels;

const names: readonly Name[] = [
  'dragonpay-callback:dispatch',
  'dragonpay-callback:store',
  'dragonpay-callback:effect',
  'dragonpay-callback:inquiry',
  'dragonpay-callback:job',
];

const channelOf = (name: Name): TracingChannel<unknown, object> => tracingChannel<unknown, object>(name);

/** Subscribes to all channels while something runs. Returns the final state of the traces, each with its events. */
async function tracesOf(run: () => Promise<unknown>) {
  const ended: Array<{ name: string; trace: Record<string, unknown> }> = [];
  const events: string[] = [];
  const stops = names.map((name) => {
    const short = name.replace('dragonpay-callback:', '');
    const note = (event: string) => () => void events.push(`${short} ${event}`);
    const subscribers = {
      start: note('start'),
      end: () => {},
      asyncStart: () => {},
      asyncEnd: (trace: object) => {
        note('asyncEnd')();
        ended.push({ name: short, trace: { ...trace } });
      },
      error: note('error'),
    };
    channelOf(name).subscribe(subscribers);
    return () => channelOf(name).unsubscribe(subscribers);
  });
  try {
    await run();
  } finally {
    for (const stop of stops) stop();
  }
  const only = (name: string) => ended.find((one) => one.name === name)?.trace ?? {};
  return { ended, events, only };
}

@DragonpayCallback()
class Shop {
  @OnStatus('S') ship() {}
  @OnPost() post(_: Callback) {}
}

async function withPayment(): Promise<MemoryRepository> {
  const repository = new MemoryRepository();
  await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
  return repository;
}

describe('A tracing channel', () => {
  it('tells of a verified callback, around its store and its effect', async () => {
    const endpoint = testDragonpay({ repository: await withPayment() }).endpoint(Shop);
    const { events, ended } = await tracesOf(() => dispatchSigned(endpoint));
    expect(events).to.deep.equal([
      'dispatch start',
      'store start',
      'effect start',
      'effect asyncEnd',
      'store asyncEnd',
      'dispatch asyncEnd',
    ]);
    const payment = { kind: 'payment', id: 'T-1', status: 'S' };
    expect(ended.map(({ trace }) => trace)).to.deep.equal([
      { ...payment, handler: 'Shop.ship', result: undefined },
      {
        ...payment,
        refno: 'R1',
        origin: 'callback',
        method: 'POST',
        outcome: 'applied',
        error: undefined,
        result: undefined,
      },
      {
        ...payment,
        refno: 'R1',
        method: 'POST',
        verdict: 'verified',
        outcome: 'applied',
        replyStatus: 200,
        result: undefined,
      },
    ]);
  });

  it('tells why a callback was refused, and nothing that it claimed', async () => {
    const endpoint = testDragonpay({ repository: await withPayment() }).endpoint(Shop);
    const { ended } = await tracesOf(() => dispatchForged(endpoint));
    const trace = { method: 'POST', verdict: 'refused', code: 'proof-mismatch', replyStatus: 400, result: undefined };
    expect(ended).to.deep.equal([{ name: 'dispatch', trace }]);
  });

  it('tells of an effect that failed, and that nothing was stored', async () => {
    @DragonpayCallback()
    class Failing {
      @OnStatus('S') ship() {
        throw new Error('no courier');
      }
    }
    const endpoint = testDragonpay({ repository: await withPayment() }).endpoint(Failing);
    const { events, only } = await tracesOf(() => dispatchSigned(endpoint));
    expect(events.filter((event) => event.endsWith('error'))).to.deep.equal(['effect error', 'store error']);
    expect(only('effect').error).to.have.nested.property('cause.message', 'no courier');
    expect(only('store')).to.include({ outcome: 'unstored' });
    expect(only('dispatch')).to.include({ verdict: 'verified', code: 'handler-failed', replyStatus: 500 });
    expect(only('dispatch').error).to.have.nested.property('cause.message', 'no courier');
  });

  it('tells of an answer method that failed after the callback was stored', async () => {
    @DragonpayCallback()
    class Failing {
      @OnPost() post(_: Callback) {
        throw new Error('no template');
      }
    }
    const endpoint = testDragonpay({ repository: await withPayment() }).endpoint(Failing);
    const { only } = await tracesOf(() => dispatchSigned(endpoint));
    expect(only('store')).to.include({ outcome: 'applied' });
    expect(only('dispatch')).to.include({ outcome: 'applied', code: 'handler-failed', replyStatus: 500 });
  });

  it('tells why the database stored nothing', async () => {
    class Broken extends MemoryRepository {
      override async store(): Promise<never> {
        throw new Error('connection refused');
      }
    }
    const endpoint = testDragonpay({ repository: new Broken() }).endpoint(Shop);
    const { only } = await tracesOf(() => dispatchSigned(endpoint));
    expect(only('store')).to.have.nested.property('error.message', 'connection refused');
    expect(only('store')).to.include({ outcome: 'unstored' });
    expect(only('dispatch')).to.include({ verdict: 'verified', outcome: 'unstored', replyStatus: 503 });
  });

  it('tells of a request that carries no callback, without a verdict', async () => {
    const endpoint = testDragonpay({ repository: await withPayment() }).endpoint(Shop);
    const request = { method: 'OPTIONS', target: '/', header: () => undefined, remoteAddress: undefined };
    const { only } = await tracesOf(() =>
      endpoint.dispatch({ ...request, body: () => ({ kind: 'bytes', bytes: Buffer.alloc(0) }), native: undefined }),
    );
    expect(only('dispatch')).to.have.keys('method', 'replyStatus', 'result');
  });

  it('tells of an inquiry and of what it moved', async () => {
    const gateway = await startStandInGateway(() => ({ fields: {} }));
    try {
      const repository = await withPayment();
      const dragonpay = createDragonpay({
        ...sha1Settings,
        environment: { gateway: gateway.url },
        apiKey: 'api key',
        repository,
      });
      dragonpay.endpoint(Shop);
      const { only } = await tracesOf(() => dragonpay.reconcile({ txnids: ['T-1'] }));
      expect(only('inquiry')).to.deep.equal({ txnid: 'T-1', known: true, result: undefined });
      expect(only('store')).to.include({ origin: 'inquiry', outcome: 'applied', method: undefined });
      gateway.answer(() => ({ status: 403 }));
      const refused = await tracesOf(() => dragonpay.reconcile({ txnids: ['T-1'] }));
      expect(refused.events).to.deep.equal(['inquiry start', 'inquiry error', 'inquiry asyncEnd']);
      expect(refused.only('inquiry')).to.have.nested.property('error.code', 'gateway-refused');
    } finally {
      await gateway.close();
    }
  });

  it('tells of a job, and of the error of its method', async () => {
    @DragonpayCallback()
    class Mailer {
      @OnStatus('S', { queue: 'mail' }) mail() {
        throw new Error('no mail server');
      }
    }
    const payloads: unknown[] = [];
    const queue = { enqueue: async (_: unknown, job: { payload: unknown }) => void payloads.push(job.payload) };
    const dragonpay = testDragonpay({ repository: await withPayment(), queue });
    await dispatchSigned(dragonpay.endpoint(Mailer));
    const { only } = await tracesOf(() =>
      dragonpay
        .work(Mailer)
        .run(payloads[0])
        .catch(() => {}),
    );
    const { error, ...rest } = only('job');
    expect(rest).to.deep.equal({ queue: 'mail', kind: 'payment', id: 'T-1', status: 'S', handler: 'Mailer.mail' });
    expect(error).to.have.property('message', 'no mail server');
  });

  it('holds no proof, no form and no reply of a callback', async () => {
    const endpoint = testDragonpay({ repository: await withPayment() }).endpoint(Shop);
    const { ended } = await tracesOf(async () => {
      await dispatchSigned(endpoint, paymentFields({ param1: 'private' }));
      await dispatchForged(endpoint);
    });
    expect(ended).to.have.length.above(3);
    const shown = inspect(ended, { depth: null, showHidden: true, getters: true });
    expect(shown).not.to.match(/private|digest|[0-9a-f]{40}|result=OK/);
  });

  it('lets a store of a subscriber reach the effect', async () => {
    const seen: unknown[] = [];
    const storage = new AsyncLocalStorage<string>();
    @DragonpayCallback()
    class Seeing {
      @OnStatus('S') ship() {
        seen.push(storage.getStore());
      }
    }
    const { start } = channelOf('dragonpay-callback:store');
    start.bindStore(storage, () => 'bound');
    try {
      await dispatchSigned(testDragonpay({ repository: await withPayment() }).endpoint(Seeing));
    } finally {
      start.unbindStore(storage);
    }
    expect(seen).to.deep.equal(['bound']);
  });

  it('is not used while nobody listens', async () => {
    const used: string[] = [];
    const prototype = Object.getPrototypeOf(channelOf('dragonpay-callback:store'));
    const { tracePromise } = prototype;
    prototype.tracePromise = function (this: TracingChannel, ...args: Parameters<TracingChannel['tracePromise']>) {
      used.push(String(this.start.name));
      return tracePromise.apply(this, args);
    };
    try {
      const endpoint = testDragonpay({ repository: await withPayment() }).endpoint(Shop);
      await dispatchSigned(endpoint);
      expect(used).to.deep.equal([]);
      await tracesOf(() => dispatchSigned(endpoint));
      expect(used).to.have.length(2);
    } finally {
      prototype.tracePromise = tracePromise;
    }
  });
});
