import { type ChannelListener, tracingChannel } from 'node:diagnostics_channel';
import { metrics } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { expect } from 'chai';
import { DragonpayCallback, MemoryRepository, OnPost, OnStatus } from '../../src/index.js';
import { dispatchSigned, testDragonpay } from '../support/dispatch-signed.js';
import { CodeFolder, codeUnder, printed } from '../support/documented-code.js';
import { readPages } from '../support/markdown.js';

const page = 'docs/observability.md';

@DragonpayCallback()
class Shop {
  @OnStatus('S') ship() {}
  @OnPost() post() {}
}

async function withPayment(): Promise<MemoryRepository> {
  const repository = new MemoryRepository();
  await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
  return repository;
}

describe('The page about watching', () => {
  let folder: CodeFolder;
  before(async () => {
    folder = await CodeFolder.create();
  });
  after(() => folder.remove());

  it('has a subscriber that prints how long a payment took to store', async () => {
    const [code = ''] = await codeUnder(page, 'Tracing channels', 'ts');
    const subscriber = await folder.run('subscriber', code);
    const endpoint = testDragonpay({ repository: await withPayment() }).endpoint(Shop);
    const lines = await printed(() => dispatchSigned(endpoint));
    const { start, asyncEnd } = tracingChannel('dragonpay-callback:store');
    start.unsubscribe(subscriber.started as ChannelListener);
    asyncEnd.unsubscribe(subscriber.ended as ChannelListener);
    expect(lines).to.have.length(1);
    expect(lines[0]).to.match(/^payment T-1 S: applied in \d+\.\d ms$/);
  });

  it('instruments the process for OpenTelemetry, and lists the metrics that there are', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] });
    metrics.setGlobalMeterProvider(provider);
    const [code = ''] = await codeUnder(page, 'OpenTelemetry', 'ts');
    const { stop } = await folder.run('instrument', code);
    try {
      await dispatchSigned(testDragonpay({ repository: await withPayment() }).endpoint(Shop));
      await provider.forceFlush();
    } finally {
      (stop as () => void)();
      metrics.disable();
      await provider.shutdown();
    }
    const made = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    expect(made.map(({ descriptor }) => descriptor.name)).to.include('dragonpay.callbacks');
    const table = (await readPages()).find(({ path }) => path === page)?.text.match(/^\| `dragonpay\..*$/gm) ?? [];
    const told = table.flatMap((line) => line.split('|')[1]?.match(/dragonpay[.\w]+/g) ?? []);
    for (const { descriptor } of made) expect(told).to.include(descriptor.name);
  });
});
