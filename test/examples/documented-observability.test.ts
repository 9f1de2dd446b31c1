import { type ChannelListener, tracingChannel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { metrics } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { expect } from 'chai';
import express from 'express';
import { toExpressHandler } from '../../adapters/http/express.js';
import { DragonpayCallback, type Hooks, MemoryRepository, OnPost, OnStatus } from '../../src/index.js';
import { defaultHooks } from '../../src/observability/default-hooks.js';
import { encodeCallback, signCallback } from '../../src/testing.js';
import { dispatchForged, dispatchSigned, paymentFields, secretKey, testDragonpay } from '../support/dispatch-signed.js';
import { CodeFolder, codeUnder, printed } from '../support/documented-code.js';
import { readPages } from '../support/markdown.js';

const page = 'docs/observability.md';

@DragonpayCallback()
class Shop {
  @OnStatus('S') ship() {}
  @OnPost() post() {}
}

@DragonpayCallback()
class Failing {
  @OnStatus('S') ship() {
    throw new Error('no courier');
  }
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

  const loggers = [
    { name: 'pino', made: 'pino()', tested: 'pino(destination)' },
    { name: 'winston', made: 'new transports.Console()', tested: 'new transports.Stream({ stream: destination })' },
  ];
  for (const [index, { name, made, tested }] of loggers.entries()) {
    it(`logs with ${name} each event as one line of JSON, with the stack of an error`, async () => {
      const lines: Array<Record<string, unknown>> = [];
      const destination = new Writable({
        write(text, _encoding, done) {
          lines.push(JSON.parse(String(text)));
          done();
        },
      });
      Object.assign(globalThis, { destination });
      const code = (await codeUnder(page, 'Logs with pino or winston', 'ts'))[index] ?? '';
      expect(code).to.include(made);
      const { hooks } = await folder.run(name, code.replace(made, tested));
      const used = hooks as Required<Hooks>;
      const silent = Object.keys(defaultHooks()).filter((hook) => !(hook in used));
      expect(silent, 'hooks that the recipe leaves out').to.deep.equal([]);
      const dragonpay = testDragonpay({ repository: await withPayment(), hooks: used });
      await dispatchForged(dragonpay.endpoint(Shop));
      await dispatchSigned(dragonpay.endpoint(Shop), paymentFields({ status: 'P' }));
      await dispatchSigned(dragonpay.endpoint(Failing));
      used.inquired({ txnid: 'T-1', result: 'failed', error: new Error('no answer') });
      used.keepUpFailed({ error: new Error('no database') });
      used.keysFailed({ problem: 'no keys' });
      used.replyFailed({ error: 'no socket' });
      await new Promise(setImmediate);
      const texts = lines.map((line) => String(line.msg ?? line.message));
      expect(texts).to.deep.equal([
        'callback refused',
        'callback stored',
        'callback stored',
        'handler failed',
        'gateway asked',
        'keepUp() failed',
        'public keys not renewed',
        'reply not written',
      ]);
      const shown = lines.map((line) => JSON.stringify(line));
      expect(shown[0])
        .to.include('"code":"proof-mismatch"')
        .and.to.match(/"level":(?:40|"warn")/);
      expect(shown[1])
        .to.include('"outcome":"applied"')
        .and.to.match(/"level":(?:30|"info")/);
      expect(shown[2])
        .to.include('"outcome":"unstored"')
        .and.to.match(/"level":(?:50|"error")/);
      expect(shown[3]).to.include('no courier\\n    at ').and.to.include('Failing.ship');
      expect(shown[4]).to.include('no answer\\n    at ');
      expect(shown[7]).to.include('no socket');
      expect(shown.join()).not.to.match(/[0-9a-f]{40}/);
    });
  }

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

  it('has hooks that find the id of their request', async () => {
    const app = express();
    Object.assign(globalThis, { app });
    const [code = ''] = await codeUnder(page, 'The context of a request', 'ts');
    const { hooks } = await folder.run('context', code);
    const settings = { repository: await withPayment(), hooks: hooks as Hooks };
    app.use(toExpressHandler(testDragonpay(settings).endpoint(Shop)));
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const body = encodeCallback(signCallback(paymentFields(), { sha1: { secretKey } }));
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      const lines = await printed(() => fetch(url, { method: 'POST', headers, body }));
      expect(lines).to.have.length(1);
      expect(lines[0]).to.match(/^[0-9a-f-]{36}: T-1 applied$/);
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
