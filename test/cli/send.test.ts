import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { toNodeListener } from '../../adapters/http/node.js';
import { createDragonpay, DragonpayCallback, MemoryRepository, OnGet } from '../../src/index.js';
import { runCli, runCommand } from '../support/cli.js';
import { type OpensslKeyPair, opensslHmac, opensslRsaKey, opensslSha1 } from '../support/openssl.js';

const secretKey = 'hush, a secret key';
const hmacKey = 'hush, an HMAC key';
const payoutKey = 'hush, a payout key';
const env = {
  DRAGONPAY_MERCHANT_ID: 'ACME',
  DRAGONPAY_HMAC_KEYS: JSON.stringify([hmacKey, 'another']),
  DRAGONPAY_SECRET_KEYS: JSON.stringify([secretKey]),
  DRAGONPAY_PAYOUT_SECRET_KEYS: JSON.stringify([payoutKey]),
};

@DragonpayCallback()
class Shop {
  @OnGet()
  show() {
    return 'Thank you';
  }
}

describe('dragonpay-callback send', () => {
  let key: OpensslKeyPair;
  let servers: Server[] = [];

  before(() => {
    key = opensslRsaKey();
  });
  afterEach(() => {
    for (const server of servers) server.close().closeAllConnections();
    servers = [];
  });

  async function serve(listener: RequestListener): Promise<string> {
    const server = createServer(listener).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/dragonpay/callback`;
  }

  /** A handler that accepts every proof, and its repository. */
  async function serveShop(): Promise<{ url: string; repository: MemoryRepository }> {
    const repository = new MemoryRepository();
    await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
    await repository.createPayout({ merchantTxnId: 'O-1', amount: '5.00' });
    const dragonpay = createDragonpay({
      merchantId: 'ACME',
      environment: 'test',
      verification: {
        rsa: { publicKeys: [key.publicKeyPem] },
        hmac: { keys: [hmacKey] },
        sha1: { secretKeys: [secretKey] },
        transition: true,
      },
      payout: { sha1: { secretKeys: [payoutKey] } },
      repository,
    });
    return { url: await serve(toNodeListener(dragonpay.endpoint(Shop))), repository };
  }

  it('sends a callback that a handler stores, and prints no key and no proof', async () => {
    const { url, repository } = await serveShop();
    const { code, stdout, stderr } = await runCli(['send', url, '--txnid', 'T-1', '--amount', '100.00'], env);
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    expect(stdout)
      .to.match(/^accepted: .* if there is no payment T-1: check the row$/m)
      .and.include('signed by: signature\n');
    expect(stdout).to.match(/^200 text\/plain; charset=utf-8 after \d+ ms\n {2}result=OK$/m);
    expect((await repository.findPayment('T-1'))?.status).to.equal('S');
    expect(stdout).not.to.match(/hush|[0-9a-f]{40}/i);
  });

  for (const [proof, algorithm] of [
    ['rsa', 'rsa'],
    ['hmac', 'hmac'],
    ['sha1', 'sha1'],
    ['all', 'rsa'],
  ] as const) {
    it(`signs with --proof ${proof}`, async () => {
      const { url, repository } = await serveShop();
      const args = ['--txnid', 'T-1', '--proof', proof, '--private-key-file', key.privateKeyFile, '--status', 'F'];
      const { code, stdout } = await runCommand(['send', url, ...args], env);
      expect(code, stdout).to.equal(0);
      expect((await repository.callbacks()).map(({ proof }) => proof)).to.deep.equal([algorithm]);
    });
  }

  it('sends every field that is set, with the proofs that openssl computes', async () => {
    let received: { method: string | undefined; form: string } | undefined;
    const url = await serve(async (request: IncomingMessage, response) => {
      received = { method: request.method, form: await text(request) };
      response.writeHead(200, { 'content-type': 'text/plain' }).end('result=OK\n');
    });
    const named = {
      txnid: 'T 1/é',
      refno: 'R-1',
      status: 'F',
      message: '[000] 5:00 + 10% & Niño',
      merchantid: 'OTHER',
      amount: '7.5',
      ccy: 'USD',
      param1: 'a=b',
      param2: '',
      procid: 'GCSH',
      settledate: '2026-01-31',
    };
    const flags = Object.entries(named).flatMap(([name, value]) => [`--${name}`, value]);
    const more = ['--field', 'expiry=1=2', '--field', 'Message=last said'];
    const { code, stderr } = await runCommand(['send', url, ...flags, ...more, '--proof', 'all'], env);
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    const { message: _, ...others } = named;
    expect(received?.method).to.equal('POST');
    expect(Object.fromEntries(new URLSearchParams(received?.form))).to.deep.equal({
      ...others,
      Message: 'last said',
      expiry: '1=2',
      signature: opensslHmac(hmacKey, 'T 1/é:R-1:F:last said:7.50').toUpperCase(),
      digest: opensslSha1(`T 1/é:R-1:F:last said:${secretKey}`),
    });
  });

  it('signs a payout with the payout key', async () => {
    const { url, repository } = await serveShop();
    const { code, stdout } = await runCommand(['send', url, '--kind', 'payout', '--txnid', 'O-1'], env);
    expect(code, stdout).to.equal(0);
    expect((await repository.findPayout('O-1'))?.status).to.equal('S');
    const noKey = await runCommand(['send', url, '--kind', 'payout', '--txnid', 'O-1'], {
      DRAGONPAY_MERCHANT_ID: 'ACME',
    });
    expect(noKey.stderr).to.equal('error: no key to sign with: set DRAGONPAY_PAYOUT_SECRET_KEYS\n');
  });

  it('sends a return by GET and keeps the query of the URL', async () => {
    const { url } = await serveShop();
    const { code, stdout } = await runCommand(['send', `${url}?shop=1`, '--txnid', 'T-1', '--method', 'GET'], env);
    expect({ code }).to.deep.equal({ code: 0 });
    expect(stdout).to.match(/\n {2}Thank you\nanswered: /);
  });

  it('ends with 1 for a forged proof, and without a proof', async () => {
    const { url, repository } = await serveShop();
    const forged = await runCommand(['send', url, '--txnid', 'T-1', '--field', `signature=${'0'.repeat(64)}`], env);
    expect(forged.code).to.equal(1);
    expect(forged.stdout).to.match(/ {2}error=proof-mismatch\nrefused: /);
    const unsigned = await runCommand(['send', url, '--txnid', 'T-1', '--proof', 'none', '--json'], {});
    expect(unsigned.code).to.equal(1);
    expect(JSON.parse(unsigned.stdout)).to.deep.include({ verdict: 'refused' });
    expect(JSON.parse(unsigned.stdout).reply).to.include({ status: 400, body: 'error=proof-missing' });
    expect((await repository.findPayment('T-1'))?.status).to.equal('P');
  });

  for (const [answer, status, body, code, verdict] of [
    ['a redirect', 302, '', 1, 'refused'],
    ['a login page', 200, '<html>Log in</html>', 1, 'unexpected answer'],
    ['an outage', 503, 'error=unstored', 3, 'possibly not stored'],
  ] as const) {
    it(`judges ${answer} as ${verdict}`, async () => {
      const url = await serve((_, response) => response.writeHead(status, { location: '/login' }).end(body));
      const run = await runCommand(['send', url, '--txnid', 'T-1', '--json'], env);
      expect(run.code).to.equal(code);
      expect(JSON.parse(run.stdout).verdict).to.equal(verdict);
      expect(run.stdout).not.to.match(/hush/);
    });
  }

  it('judges a closed port as not delivered', async () => {
    const url = await serve(() => {});
    for (const server of servers) server.close();
    const { code, stdout } = await runCommand(['send', url, '--txnid', 'T-1'], env);
    expect(code).to.equal(3);
    expect(stdout)
      .to.match(/^no reply after \d+ ms: .*ECONNREFUSED/m)
      .and.match(/^not delivered: no connection/m);
  });

  it('judges a connection that breaks off as possibly not stored', async () => {
    const url = await serve((_, response) => response.destroy());
    const { code, stdout } = await runCommand(['send', url, '--txnid', 'T-1', '--json'], env);
    expect(code).to.equal(3);
    expect(JSON.parse(stdout)).to.include({ verdict: 'possibly not stored' });
    expect(JSON.parse(stdout).reply).to.include({ answered: false, delivered: true });
  });

  it('does not claim that a row exists for an id without a row', async () => {
    const { url } = await serveShop();
    const { code, stdout } = await runCommand(['send', url, '--txnid', 'T-9'], env);
    expect(code).to.equal(0);
    expect(stdout).to.match(/^accepted: .* if there is no payment T-9: check the row$/m);
  });

  it('escapes control characters of a reply', async () => {
    const url = await serve((_, response) => response.end('result=OK\n\u001b[2Jgone\r\u202e'));
    const { stdout } = await runCommand(['send', url, '--txnid', 'T-1'], env);
    expect(stdout).to.include('result=OK\\u000a\\u001b[2Jgone\\u000d\\u202e');
    expect(stdout).not.to.include('\u001b');
    const steering = await serve((_, response) => response.end('\u009b2Jgone\u202e'));
    const asJson = await runCommand(['send', steering, '--txnid', 'T-1', '--json'], env);
    expect(asJson.stdout).not.to.match(/[\u007f-\u009f\u202e]/);
    expect(JSON.parse(asJson.stdout).reply.body).to.equal('\u009b2Jgone\u202e');
  });

  it('reads at most 64 KiB of an endless reply', async () => {
    const url = await serve((_, response) => {
      const write = () => {
        while (response.write('x'.repeat(65_536)));
        response.once('drain', write);
      };
      write();
    });
    const startedAt = Date.now();
    const { code, stdout } = await runCommand(['send', url, '--txnid', 'T-1', '--json'], env);
    expect(code).to.equal(1);
    expect(JSON.parse(stdout).reply.body).to.have.lengthOf(65_536);
    expect(Date.now() - startedAt).to.be.below(20_000);
  });

  it('prints no proof even if the reply repeats it', async () => {
    const url = await serve(async (request, response) => {
      const body = await text(request);
      const { signature = '' } = Object.fromEntries(new URLSearchParams(body || request.url?.split('?')[1]));
      response.writeHead(302, { location: `https://shop.example${request.url}` }).end(`${body} ${signature}`);
    });
    const digest = opensslHmac('T-1:R1:S:Paid:', hmacKey);
    for (const method of ['GET', 'POST']) {
      const send = ['send', url, '--txnid', 'T-1', '--refno', 'R1', '--message', 'Paid', '--method', method];
      for (const args of [send, [...send, '--json']]) {
        const { code, stdout } = await runCommand(args, env);
        expect(code).to.equal(1);
        expect(stdout.toLowerCase()).to.include('(a proof)').and.not.include(digest.toLowerCase());
      }
    }
  });

  it('refuses a file without a private key, and prints nothing of it', async () => {
    const send = (file: string) =>
      runCommand(['send', 'http://127.0.0.1:9/', '--txnid', 'T', '--private-key-file', file], env);
    const missing = await send('/no/such/file');
    expect(missing).to.include({ code: 2, stderr: 'error: --private-key-file cannot be read: ENOENT\n' });
    const wrong = await send('package.json');
    expect(wrong.stderr).to.include('must be an RSA private key in PEM');
  });
});
