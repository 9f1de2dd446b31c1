import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { toNodeListener } from '../../adapters/http/node.js';
import { createDragonpay, DragonpayCallback, MemoryRepository, settingsFromEnv } from '../../src/index.js';
import { type CliProcess, startCli } from '../support/cli.js';

@DragonpayCallback()
class Shop {}

describe('dragonpay-callback sandbox', function () {
  this.timeout(60_000);
  let running: CliProcess | undefined;
  let server: Server | undefined;

  afterEach(async () => {
    running?.child.kill('SIGKILL');
    await running?.ended;
    running = undefined;
    server?.close().closeAllConnections();
  });

  /** Starts one on a free port, and answers with what it says until it listens. */
  async function start(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
    const started = startCli(['sandbox', '--port', '0', ...args], env);
    running = started;
    let said = '';
    return new Promise((resolve, reject) => {
      started.child.stdout?.on('data', (text: string) => {
        said += text;
        if (/repository \}\)\n$|\n\}\n$/.test(said)) resolve(said);
      });
      started.ended.then(({ code, stderr }) => reject(new Error(`it ended with ${code}: ${stderr}`)), reject);
    });
  }

  /** Makes a payment as a shop does, and pays it as a browser does. */
  async function pay(gateway: string, txnid: string, authorization: string): Promise<void> {
    const made = await fetch(`${gateway}/api/collect/v1/${txnid}/post`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(authorization).toString('base64')}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ Amount: '100.00', Currency: 'PHP', Description: 'A book', Email: 'reader@example.com' }),
    });
    expect(made.status).to.equal(200);
  }

  it('says how to configure a handler, whose public keys it then serves', async () => {
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
    await pay(gateway, 'T-1', `${settings.merchantId}:${settings.apiKey}`);
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

  it('has the keys of the environment, does not print them, and knows where callbacks go', async () => {
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
    expect(said).to.include(`Postbacks go to ${url}, payers return to ${url}.`);
    expect(said)
      .to.include('DRAGONPAY_API_KEY=(that of DRAGONPAY_API_KEY here)')
      .and.include('DRAGONPAY_TRANSITION=true');
    expect(said).not.to.include('hush');
    const [, gateway = ''] = /listens on (http:\/\/127\.0\.0\.1:\d+)\//.exec(said) ?? [];
    await pay(gateway, 'T-1', 'ACME:hush');
  });

  it('prints one JSON document when asked', async () => {
    const said = JSON.parse(await start(['--json', '--proof', 'hmac', '--return', 'https://shop.example/return']));
    expect(said).to.deep.include({
      merchantId: 'SANDBOX',
      proofs: ['hmac'],
      postbackUrl: null,
      returnUrl: 'https://shop.example/return',
    });
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`ends cleanly on ${signal}`, async () => {
      await start([]);
      running?.child.kill(signal);
      expect(await running?.ended).to.include({ code: 0, stderr: '' });
    });
  }

  it('says that its port is taken', async () => {
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    running = startCli(['sandbox', '--port', String(port)]);
    const { code, stderr } = await running.ended;
    expect(code).to.equal(3);
    expect(stderr).to.match(/^error: it cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/);
  });
});
