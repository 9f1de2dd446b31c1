import { type ChannelListener, tracingChannel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { metrics } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { expect } from 'chai';
import express from 'express';
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

  it('serves probes of which only one fails when the receiver is closed', async () => {
    const dragonpay = testDragonpay({ repository: await withPayment() });
    const app = express();
    Object.assign(globalThis, { app, dragonpay });
    const [code = ''] = await codeUnder(page, 'Health and readiness', 'ts');
    await folder.run('probes', code);
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const ask = (path: string) => fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`);
      await dispatchSigned(dragonpay.endpoint(Shop));
      const ready = await ask('/readyz');
      expect(ready.status).to.equal(200);
      expect(await ready.json())
        .to.have.property('lastVerifiedAt')
        .that.is.a('string');
      await dragonpay.close();
      expect((await ask('/readyz')).status).to.equal(503);
      expect((await ask('/livez')).status).to.equal(200);
    } finally {
      server.close();
    }
  });

  it('has a table with the fields of status()', async () => {
    const text = (await readPages()).find(({ path }) => path === page)?.text.split('## Health')[1] ?? '';
    const told = [...text.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
    expect(told).to.deep.equal(Object.keys(testDragonpay().status()));
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
