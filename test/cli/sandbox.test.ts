import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { expect } from 'chai';
import { toNodeListener } from '../../adapters/http/node.js';
import { createDragonpay, DragonpayCallback, MemoryRepository, OnPost, settingsFromEnv } from '../../src/index.js';
import { type CliProcess, type RunningCommand, runCommand, startCli, startCommand } from '../support/cli.js';

@DragonpayCallback()
class Shop {
  @OnPost() post() {}
}

describe('dragonpay-callback sandbox', () => {
  let running: RunningCommand | undefined;
  let child: CliProcess['child'] | undefined;
  let server: Server | undefined;

  afterEach(async () => {
    running?.interrupt();
    await running?.ended;
    running = undefined;
    child?.kill('SIGKILL');
    server?.close().closeAllConnections();
  });

  /** Starts a sandbox on a free port, and resolves to what it prints. */
  async function start(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
    running = startCommand(['sandbox', '--port', '0', ...args], env);
    return (await running.printed(/^[\s\S]*(?:repository \}\)\n|\n\}\n)$/))[0];
  }

  /** Creates a payment as a shop does. */
  async function createPayment(gateway: string, txnid: string, authorization: string): Promise<void> {
    const created = await fetch(`${gateway}/api/collect/v1/${txnid}/post`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(authorization).toString('base64')}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ Amount: '100.00', Currency: 'PHP', Description: 'A book', Email: 'reader@example.com' }),
    });
    expect(created.status).to.equal(200);
  }

  it('prints how to configure a handler, and serves its public keys to it', async () => {
    const said = await start([]);
    const [, gateway = ''] = /listens on (http:\/\/127\.0\.0\.1:\d+)\//.exec(said) ?? [];
    const variables = Object.fromEntries(
      [...said.matchAll(/^ {2}(DRAGONPAY_\w+)=(.+)$/gm)].map(([, name, value]) => [name, value]),
    );
    expect(Object.keys(variables)).to.deep.equal([
      'DRAGONPAY_MERCHANT_ID',
      'DRAGONPAY_ENVIRONMENT',
      'DRAGONPAY_API_KEY',
    ]);
    const settings = { ...settingsFromEnv(variables), environment: { gateway } };
    await createPayment(gateway, 'T-1', `${settings.merchantId}:${settings.apiKey}`);
    const repository = new MemoryRepository();
    await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
    const dragonpay = createDragonpay({ ...settings, repository, hooks: { inquired: () => {} } });
    const report = await dragonpay.reconcile({ txnids: ['T-1'], handler: Shop });
    expect(report).to.include({ asked: 1, failed: 0 });
    const listed = await fetch(`${gateway}/api/collect/v1/keys/callback`, {
      headers: { authorization: `Basic ${Buffer.from('SANDBOX:sandbox-api-key').toString('base64')}` },
    });
    expect(await listed.json()).to.have.nested.property('[0].status', 'Active');
  });

  it('uses the keys of the environment without printing them', async () => {
    const env = { DRAGONPAY_MERCHANT_ID: 'ACME', DRAGONPAY_API_KEY: 'hush', DRAGONPAY_SECRET_KEYS: 'hush too,old' };
    const receiver = createDragonpay({
      merchantId: 'ACME',
      environment: 'test',
      verification: { sha1: { secretKeys: ['hush too'] } },
    });
    server = createServer(toNodeListener(receiver.endpoint(Shop))).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`;
    const said = await start(['--postback', url, '--return', url, '--proof', 'rsa', 'sha1'], env);
    expect(said).to.include(`Postbacks go to: ${url}\nPayers return to: ${url}\n`);
    expect(said)
      .to.include('DRAGONPAY_API_KEY=(the value of DRAGONPAY_API_KEY here)')
      .and.include('DRAGONPAY_TRANSITION=true');
    expect(said).not.to.include('hush');
    const [, gateway = ''] = /listens on (http:\/\/127\.0\.0\.1:\d+)\//.exec(said) ?? [];
    await createPayment(gateway, 'T-1', 'ACME:hush');
  });

  it('prints one JSON document with --json', async () => {
    const said = JSON.parse(await start(['--json', '--proof', 'hmac', '--return', 'https://shop.example/return']));
    expect(said).to.deep.include({
      merchantId: 'SANDBOX',
      proofs: ['hmac'],
      postbackUrl: null,
      returnUrl: 'https://shop.example/return',
    });
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`ends with 0 on ${signal}`, async () => {
      const started = startCli(['sandbox', '--port', '0']);
      child = started.child;
      await once(child.stdout as Readable, 'data');
      child.kill(signal);
      expect(await started.ended).to.include({ code: 0, stderr: '' });
    });
  }

  it('ends with 3 if its port is in use', async () => {
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { code, stderr } = await runCommand(['sandbox', '--port', String(port)]);
    expect(code).to.equal(3);
    expect(stderr).to.match(/^error: cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/);
  });
});
