import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { expect } from 'chai';
import { instrument } from '../../adapters/telemetry/opentelemetry.js';
import { createDragonpay, DragonpayCallback, MemoryRepository, OnStatus } from '../../src/index.js';
import { dispatchForged, dispatchSigned, paymentFields, sha1Settings } from '../support/dispatch-signed.js';
import { root } from '../support/program.js';
import { startStandInGateway } from '../support/stand-in-gateway.js';

interface Panel {
  readonly title: string;
  readonly targets: ReadonlyArray<{ readonly expr: string; readonly legendFormat: string }>;
}

const dashboard: { readonly panels: readonly Panel[] } = JSON.parse(
  readFileSync(join(root, 'docs/observability/dashboard.json'), 'utf8'),
);
const queries = dashboard.panels.flatMap(({ targets }) => targets);

/** The series that Prometheus scrapes after each kind of work was done, and failed: labels by name. */
async function scraped(): Promise<Map<string, Set<string>>> {
  const reader = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ readers: [reader] });
  const stop = instrument({ meter: provider.getMeter('shop') });
  const gateway = await startStandInGateway(() => ({ status: 404 }));
  const payloads: unknown[] = [];
  const queue = { enqueue: async (_: unknown, job: { payload: unknown }) => void payloads.push(job.payload) };
  @DragonpayCallback()
  class Shop {
    @OnStatus('S', { queue: 'mail' }) mail() {
      throw new Error('no mail server');
    }
    @OnStatus('F') fail() {
      throw new Error('no stock');
    }
  }
  try {
    const repository = new MemoryRepository();
    for (const txnid of ['T-1', 'T-2']) await repository.createPayment({ txnid, amount: '100.00' });
    const settings = { ...sha1Settings, environment: { gateway: gateway.url }, apiKey: 'api key', repository, queue };
    const dragonpay = createDragonpay({ ...settings, limits: { earlyMilliseconds: 0 } });
    const endpoint = dragonpay.endpoint(Shop);
    await dispatchSigned(endpoint);
    await dispatchSigned(endpoint, paymentFields({ txnid: 'T-2', status: 'F' }));
    await dispatchForged(endpoint);
    await dragonpay.reconcile({ txnids: ['T-2'] });
    gateway.answer(() => ({ status: 403 }));
    await dragonpay.reconcile({ txnids: ['T-2'] });
    await dragonpay
      .work(Shop)
      .run(payloads[0])
      .catch(() => {});
    const { resourceMetrics } = await reader.collect();
    const text = new PrometheusSerializer().serialize(resourceMetrics);
    const series = new Map<string, Set<string>>();
    for (const [, name = '', labels = ''] of text.matchAll(/^(dragonpay_\w+)(?:\{(.*)\})? /gm)) {
      const known = series.get(name) ?? new Set();
      for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label);
      series.set(name, known);
    }
    return series;
  } finally {
    stop();
    await provider.shutdown();
    await gateway.close();
  }
}

describe('The Grafana dashboard', () => {
  let series: Map<string, Set<string>>;
  before(async () => {
    series = await scraped();
  });

  /** The metric of a query: a name, or a pattern for names with and without their unit. */
  function metricOf(expression: string): RegExp {
    const [, pattern] = expression.match(/\{__name__=~"([^"]+)"/) ?? [];
    const [, name] = expression.replace(/ by \(.*?\)/, '').match(/\((dragonpay_\w+)/) ?? [];
    return new RegExp(`^(?:${pattern ?? name ?? 'no metric'})$`);
  }

  const seriesOf = (expression: string) => [...series.keys()].filter((name) => metricOf(expression).test(name));

  it('asks only for metrics that the instrumentation exports', () => {
    expect(queries).to.have.length.above(10);
    for (const { expr } of queries) expect(seriesOf(expr), expr).to.have.length(1);
  });

  it('finds durations also where a collector adds their unit to the name', () => {
    const durations = queries.filter(({ expr }) => expr.includes('_duration'));
    expect(durations).to.have.length.above(5);
    for (const { expr } of durations) {
      const [name = ''] = seriesOf(expr);
      expect(name.replace('_duration', '_duration_seconds')).to.match(metricOf(expr));
    }
  });

  it('asks only for labels that the metric has', () => {
    for (const { expr, legendFormat } of queries) {
      const known = [...(series.get(seriesOf(expr)[0] ?? '') ?? [])];
      const grouped = expr.match(/ by \(([^)]*)\)/)?.[1]?.split(', ') ?? [];
      const selected = [...expr.matchAll(/(\w+)(?:=~|!=|=)"/g)].map(([, label]) => label);
      const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label);
      expect([...known, '__name__'], expr).to.include.members([...grouped, ...selected]);
      expect(grouped, legendFormat).to.include.members(shown);
    }
  });

  it('shows every metric that the instrumentation exports', () => {
    const familyOf = (name: string) => name.replace(/_(?:bucket|sum|count)$/, '');
    const shown = new Set(queries.flatMap(({ expr }) => seriesOf(expr)).map(familyOf));
    expect([...new Set([...series.keys()].map(familyOf))]).to.have.members([...shown]);
  });

  it('has panels that do not cover each other', () => {
    const places = dashboard.panels.map((panel) => (panel as unknown as { gridPos: { x: number; y: number } }).gridPos);
    expect(new Set(places.map(({ x, y }) => `${x} ${y}`))).to.have.property('size', dashboard.panels.length);
  });
});
