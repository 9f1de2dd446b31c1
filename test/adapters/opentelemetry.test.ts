import { inspect } from 'node:util';
import { context, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { expect } from 'chai';
import { instrument } from '../../adapters/telemetry/opentelemetry.js';
import { DragonpayCallback, MemoryRepository, OnStatus } from '../../src/index.js';
import { dispatchForged, dispatchSigned, paymentFields, testEndpoint } from '../support/dispatch-signed.js';

type Work = () => unknown;

describe('instrument()', () => {
  const spans = new InMemorySpanExporter();
  const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }).getTracer('test');
  let exporter: InMemoryMetricExporter;
  let provider: MeterProvider;
  let stop: () => void = () => {};

  before(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  });
  after(() => context.disable());
  beforeEach(() => {
    spans.reset();
    exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    provider = new MeterProvider({ readers: [reader] });
    stop = instrument({ tracer, meter: provider.getMeter('test') });
  });
  afterEach(async () => {
    stop();
    await provider.shutdown();
  });

  async function shop(work: Work = () => {}) {
    @DragonpayCallback()
    class Shop {
      @OnStatus('S') ship() {
        return work() as Promise<void>;
      }
    }
    const repository = new MemoryRepository();
    for (const txnid of ['T-1', 'T-2']) await repository.createPayment({ txnid, amount: '100.00' });
    return testEndpoint(Shop, { repository });
  }

  function spanOf(name: string): ReadableSpan {
    const found = spans.getFinishedSpans().filter((span) => span.name === name);
    expect(found, name).to.have.length(1);
    return found[0] as ReadableSpan;
  }

  /** The points of a metric: their attributes and values. */
  async function points(name: string): Promise<Array<{ attributes: object; value: unknown }>> {
    await provider.forceFlush();
    const metrics =
      exporter
        .getMetrics()
        .at(-1)
        ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? [];
    return metrics
      .filter(({ descriptor }) => descriptor.name === name)
      .flatMap(({ dataPoints }) => dataPoints.map(({ attributes, value }) => ({ attributes, value })));
  }

  it('makes a span of a callback, its store and its effect, below the span of the server', async () => {
    const endpoint = await shop(() => tracer.startSpan('courier').end());
    await tracer.startActiveSpan('POST /callback', async (server) => {
      await dispatchSigned(endpoint);
      server.end();
    });
    const way = ['courier', 'dragonpay.effect', 'dragonpay.store', 'dragonpay.dispatch', 'POST /callback'].map(spanOf);
    expect(new Set(way.map((span) => span.spanContext().traceId))).to.have.property('size', 1);
    way.slice(0, -1).forEach((span, index) => {
      expect(span.parentSpanContext?.spanId, span.name).to.equal(way[index + 1]?.spanContext().spanId);
    });
    expect(spanOf('dragonpay.dispatch').attributes).to.deep.equal({
      'dragonpay.verdict': 'verified',
      'dragonpay.kind': 'payment',
      'dragonpay.outcome': 'applied',
      'dragonpay.id': 'T-1',
      'dragonpay.refno': 'R1',
      'dragonpay.status': 'S',
      'http.request.method': 'POST',
      'http.response.status_code': 200,
    });
    expect(spanOf('dragonpay.effect').attributes).to.include({ 'code.function.name': 'Shop.ship' });
    expect(spanOf('dragonpay.store').attributes).to.include({ 'dragonpay.origin': 'callback' });
  });

  it('gives callbacks that arrive together spans of their own requests', async () => {
    const inEffects: Array<string | undefined> = [];
    const endpoint = await shop(() => inEffects.push(trace.getActiveSpan()?.spanContext().traceId));
    const requests = await Promise.all(
      ['T-1', 'T-2'].map((txnid) =>
        tracer.startActiveSpan(txnid, async (server) => {
          await dispatchSigned(endpoint, paymentFields({ txnid }));
          server.end();
          return server.spanContext().traceId;
        }),
      ),
    );
    expect(inEffects).to.have.members(requests);
    expect(new Set(requests)).to.have.property('size', 2);
  });

  it('says why a callback was refused, without an error and without values of the callback', async () => {
    await dispatchForged(await shop());
    const span = spanOf('dragonpay.dispatch');
    expect(span.status.code).to.equal(SpanStatusCode.UNSET);
    expect(span.attributes).to.deep.equal({
      'dragonpay.verdict': 'refused',
      'error.type': 'proof-mismatch',
      'http.request.method': 'POST',
      'http.response.status_code': 400,
    });
    expect(inspect(spans.getFinishedSpans(), { depth: 4 })).not.to.match(/T-1|[0]{40}/);
  });

  it('records what an effect threw', async () => {
    const endpoint = await shop(() => {
      throw new TypeError('no courier');
    });
    await dispatchSigned(endpoint);
    for (const name of ['dragonpay.effect', 'dragonpay.store', 'dragonpay.dispatch']) {
      const { status, events, attributes } = spanOf(name);
      expect(status.code, name).to.equal(SpanStatusCode.ERROR);
      expect(events[0]?.attributes, name).to.include({ 'exception.message': 'no courier' });
      expect(attributes['error.type'], name).to.equal(name === 'dragonpay.dispatch' ? 'handler-failed' : 'TypeError');
    }
  });

  it('records a thrown value that is no error', async () => {
    const endpoint = await shop(() => {
      throw 'no courier';
    });
    await dispatchSigned(endpoint);
    const { events, attributes } = spanOf('dragonpay.effect');
    expect(events[0]?.attributes).to.include({ 'exception.message': 'no courier' });
    expect(attributes).to.include({ 'error.type': '_OTHER' });
  });

  it('ends the span of an effect whose error cannot be read', async () => {
    const unreadable = Object.defineProperty(new Error('no courier'), 'name', {
      get() {
        throw new Error('no name');
      },
    });
    const endpoint = await shop(() => {
      throw unreadable;
    });
    await dispatchSigned(endpoint);
    const { status, attributes } = spanOf('dragonpay.effect');
    expect(status.code).to.equal(SpanStatusCode.ERROR);
    expect(attributes).to.include({ 'error.type': '_OTHER' });
  });

  it('counts callbacks by verdict and outcome', async () => {
    const endpoint = await shop();
    await dispatchSigned(endpoint);
    await dispatchSigned(endpoint);
    await dispatchForged(endpoint);
    const verified = { 'dragonpay.verdict': 'verified', 'dragonpay.kind': 'payment' };
    expect(await points('dragonpay.callbacks')).to.deep.equal([
      { attributes: { ...verified, 'dragonpay.outcome': 'applied' }, value: 1 },
      { attributes: { ...verified, 'dragonpay.outcome': 'duplicate' }, value: 1 },
      { attributes: { 'dragonpay.verdict': 'refused', 'error.type': 'proof-mismatch' }, value: 1 },
    ]);
  });

  it('measures durations in seconds', async () => {
    const endpoint = await shop(() => new Promise((resolve) => setTimeout(resolve, 30)));
    await dispatchSigned(endpoint);
    for (const name of ['dispatch', 'store', 'effect']) {
      const [point, ...others] = await points(`dragonpay.${name}.duration`);
      expect(others, name).to.deep.equal([]);
      expect(point?.value, name).to.have.property('sum').that.is.within(0.025, 5);
      expect(point?.value, name).to.have.property('count', 1);
    }
  });

  it('counts what is running: stores that wait, and effects', async () => {
    let release = () => {};
    let begun = () => {};
    const isRunning = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const endpoint = await shop(() => {
      begun();
      return new Promise<void>((resolve) => {
        release = resolve;
      });
    });
    const replied = dispatchSigned(endpoint);
    await isRunning;
    const counts = async () => [await points('dragonpay.store.active'), await points('dragonpay.effect.active')];
    const both = (value: number) => [[{ attributes: {}, value }], [{ attributes: {}, value }]];
    expect(await counts()).to.deep.equal(both(1));
    release();
    await replied;
    expect(await counts()).to.deep.equal(both(0));
  });

  it('makes nothing after it was stopped, and ends the open spans', async () => {
    let release = () => {};
    const endpoint = await shop(
      () =>
        new Promise<void>((resolve) => {
          release = resolve;
          stop();
        }),
    );
    const replied = dispatchSigned(endpoint);
    while (spans.getFinishedSpans().length < 3) await new Promise(setImmediate);
    expect((await points('dragonpay.effect.active'))[0]?.value).to.equal(0);
    release();
    expect((await replied).status).to.equal(200);
    await dispatchSigned(endpoint);
    expect(spans.getFinishedSpans()).to.have.length(3);
    expect(await points('dragonpay.callbacks')).to.deep.equal([]);
  });

  it('begins no span any more after it was stopped', async () => {
    stop();
    let begun = 0;
    const startSpan: Tracer['startSpan'] = (...given) => {
      begun++;
      return tracer.startSpan(...given);
    };
    stop = instrument({ tracer: { startSpan } as Tracer });
    const endpoint = await shop();
    await dispatchSigned(endpoint);
    expect(begun).to.be.above(0);
    stop();
    begun = 0;
    await dispatchSigned(endpoint);
    expect(begun).to.equal(0);
  });

  it('makes metrics without a tracer, and spans without a meter', async () => {
    stop();
    const endpoint = await shop();
    stop = instrument({ meter: provider.getMeter('alone') });
    await dispatchSigned(endpoint);
    stop();
    expect(spans.getFinishedSpans()).to.deep.equal([]);
    expect(await points('dragonpay.callbacks')).to.have.length(1);
    stop = instrument({ tracer });
    await dispatchSigned(endpoint);
    expect(spans.getFinishedSpans()).to.have.length(2);
  });

  it('changes no reply when the tracer throws', async () => {
    stop();
    const broken = {
      startSpan: () => {
        throw new Error('no exporter');
      },
    };
    stop = instrument({ tracer: broken as unknown as Tracer, meter: provider.getMeter('test') });
    expect((await dispatchSigned(await shop())).body).to.equal('result=OK');
    expect(await points('dragonpay.callbacks')).to.have.length(1);
  });
});
