import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { toNodeListener } from '../../adapters/http/node.js';
import type { DragonpaySettings } from '../../src/index.js';
import {
  type Callback,
  createDragonpay,
  DragonpayCallback,
  diagnoseCallback,
  MemoryRepository,
  OnPost,
  settingsFromEnv,
} from '../../src/index.js';
import { jobOf } from '../../src/jobs/job.js';
import { defaultHooks } from '../../src/observability/default-hooks.js';
import { startSandbox } from '../../src/sandbox.js';
import { callbackCorpus } from '../../src/testing/callback-corpus/callback-corpus.js';
import { corpusKeys, corpusSecrets, settingsOf } from '../../src/testing/callback-corpus/corpus-setups.js';
import { encodeCase } from '../../src/testing/callback-corpus/encode-case.js';
import { verifySigned } from '../../src/testing/verify-signed.js';
import { signedAgain } from '../fuzz/request-target.js';
import { postForm } from '../support/callback-request.js';
import { runCommand } from '../support/cli.js';
import { opensslRsaKey } from '../support/openssl.js';
import { root } from '../support/program.js';
import { SecretWatch } from '../support/secret-watch.js';

const secrets = {
  'API key': 'hush+an/API key=1',
  'secret key': 'hush, the secret key!',
  'HMAC key': 'hush, the HMAC key?',
  'payout key': 'hush, the payout key~',
};

const env = {
  DRAGONPAY_MERCHANT_ID: 'ACME',
  DRAGONPAY_ENVIRONMENT: 'test',
  DRAGONPAY_API_KEY: secrets['API key'],
  DRAGONPAY_HMAC_KEYS: JSON.stringify([secrets['HMAC key']]),
  DRAGONPAY_SECRET_KEYS: JSON.stringify([secrets['secret key']]),
  DRAGONPAY_PAYOUT_SECRET_KEYS: JSON.stringify([secrets['payout key']]),
};

@DragonpayCallback()
class Failing {
  @OnPost()
  post({ valid }: Callback) {
    if (valid) throw new Error('the shop is closed');
  }
}

@DragonpayCallback()
class Working {
  @OnPost()
  post() {}
}

/** All hooks. They also write the lines that the default hooks write. */
function watchedHooks(say: (where: string, value: unknown) => void) {
  const hooks = defaultHooks({ write: (line) => say('log', line), now: () => counter++ * 3_700_000 });
  let counter = 0;
  return new Proxy(hooks, {
    get: (_, name: keyof typeof hooks) => (event: never) => {
      say(`hook ${name}`, event);
      hooks[name]?.(event);
    },
  });
}

describe('A secret', () => {
  let servers: Server[] = [];
  afterEach(() => {
    for (const server of servers) server.close().closeAllConnections();
    servers = [];
  });

  async function serve(server: Server): Promise<string> {
    servers.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it('is found by the watch in whatever form it is written', () => {
    const secret = 'hush, a secret';
    const deep = {
      a: { b: { c: [{ d: Object.defineProperty({}, 'hidden', { value: secret, enumerable: false }) }] } },
    };
    for (const value of [
      secret,
      new Error('outer', { cause: new Error(`inner ${secret}`) }),
      deep,
      Buffer.from(`ACME:${secret}`).toString('base64'),
      Buffer.from(`x${secret}`).toString('base64'),
      Buffer.from(secret).toString('hex').toUpperCase(),
      `?key=${encodeURIComponent(secret)}`,
      new URLSearchParams({ secret }).toString(),
    ]) {
      const watch = new SecretWatch({ secret });
      watch.say('here', value);
      expect(watch.found, String(value)).not.to.deep.equal([]);
    }
    const watch = new SecretWatch({ secret });
    watch.say('here', { a: 'hush', b: new Error('a secret') });
    expect(watch.found).to.deep.equal([]);
  });

  it('is in no reply, hook or log line of the corpus, nor is a proof that would be right', async () => {
    const watch = new SecretWatch({ sha1: corpusSecrets.merchant.sha1, hmac: corpusSecrets.merchant.hmac });
    let said: unknown[] = [];
    const say = (where: string, value: unknown) => {
      watch.say(where, value);
      said.push(value);
    };
    const endpoints = new Map<string, ReturnType<ReturnType<typeof createDragonpay>['endpoint']>>();
    let refused = 0;
    for (const one of callbackCorpus) {
      const { setup = 'sha1', name } = one;
      const [, form = ''] = /\r\n\r\n([\s\S]*)$/.exec(encodeCase(one, 'C-1').toString('latin1')) ?? [];
      let endpoint = endpoints.get(setup);
      if (endpoint === undefined) {
        const { settings } = settingsOf(setup);
        const repository = new MemoryRepository();
        endpoint = createDragonpay({ ...settings, repository, hooks: watchedHooks(say) }).endpoint(Failing);
        endpoints.set(setup, endpoint);
      }
      said = [];
      const reply = await endpoint.dispatch(postForm(form));
      say(`reply to ${name}`, reply);
      if (reply.status !== 400) continue;
      refused++;
      const right = [...signedAgain(form, setup).matchAll(/(?:^|&)(?:digest|signatures?)=([^&]+)/g)].map(
        ([, proof = '']) => decodeURIComponent(proof),
      );
      watch.sayNever(
        `answer to ${name}`,
        said,
        right.filter((proof) => !form.toLowerCase().includes(proof.toLowerCase())),
      );
    }
    expect(watch.found).to.deep.equal([]);
    expect(refused).to.be.above(100);
    expect(watch.count).to.be.above(2_000);
  });

  it('is in no error of settings and variables, and in no diagnosis', async () => {
    const { privateKeyPem } = opensslRsaKey();
    const watch = new SecretWatch({ ...secrets, 'private key': privateKeyPem.slice(100, 140) });
    const [secret, hmac] = [secrets['secret key'], secrets['HMAC key']];
    const base = { merchantId: 'ACME', environment: 'test' } as const;
    const wrong: unknown[] = [
      { ...base, verification: { sha1: { secretKeys: [secret, ''] } } },
      { ...base, verification: { sha1: { secretKeys: secret } } },
      { ...base, verification: { sha1: { secretKey: secret } } },
      { ...base, verification: { hmac: { keys: [hmac], encoding: 'hex' } } },
      { ...base, verification: { rsa: { publicKeys: [privateKeyPem] } } },
      { ...base, verification: { rsa: { publicKeys: [secret] } } },
      { ...base, verification: { sha1: { secretKeys: [secret] } }, payout: { sha1: { secretKeys: [secret] } } },
      { ...base, environment: secret, verification: { sha1: { secretKeys: [secret] } } },
      { ...base, apiKey: { key: secrets['API key'] }, verification: { rsa: {} } },
      { ...base, verification: { sha1: { secretKeys: [secret] } }, limits: { fields: secret } },
    ];
    let thrown = 0;
    for (const settings of wrong) {
      try {
        createDragonpay(settings as DragonpaySettings);
      } catch (error) {
        thrown++;
        watch.say(`error ${thrown}`, error);
      }
    }
    for (const [name, value] of Object.entries(env)) {
      for (const changed of [`[${value}`, `${value}, ,`, ` `, `{"a":${value}}`, privateKeyPem]) {
        try {
          createDragonpay(
            settingsFromEnv({ ...env, [name]: changed, DRAGONPAY_WIRE: changed, DRAGONPAY_TRANSITION: changed }),
          );
        } catch (error) {
          thrown++;
          watch.say(`error of ${name}`, error);
        }
      }
    }
    const settings = createSettings();
    for (const form of ['txnid=T&refno=R&status=S&digest=00', 'txnid=T&refno=R&status=S&signature=11&digest=x', 'x']) {
      watch.say('diagnosis', await diagnoseCallback(form, settings, { milliseconds: 20 }));
    }
    expect(watch.found).to.deep.equal([]);
    expect(thrown).to.be.above(30);
  });

  it('is in no report or log line of a gateway that fails in each way', async () => {
    const watch = new SecretWatch(secrets);
    const say = (where: string, value: unknown) => watch.say(where, value);
    const answers: Array<[status: number, body: (authorization: string) => string]> = [
      [500, String],
      [401, String],
      [302, String],
      [200, String],
      [200, (authorization) => JSON.stringify({ txnid: authorization })],
      [200, (authorization) => JSON.stringify([{ value: authorization, status: 'Active' }])],
    ];
    for (const [status, body] of answers) {
      const url = await serve(
        createServer(({ headers: { authorization = '' } }, response) => {
          response.writeHead(status, { location: `/${authorization}` }).end(body(authorization));
        }),
      );
      await reconcileWith(url, say);
    }
    await reconcileWith('http://127.0.0.1:1', say);
    expect(watch.found).to.deep.equal([]);
    expect(watch.count).to.be.above(20);
  });

  it('is in no output of a command', async () => {
    const password = 'hush-the-password';
    const watch = new SecretWatch({ ...secrets, password });
    const databases = ['postgres', 'mysql', 'nonsense'].map((scheme) => `${scheme}://shop:${password}@127.0.0.1:1/x`);
    const repository = new MemoryRepository();
    const url = await serve(
      createServer(toNodeListener(createDragonpay({ ...createSettings(), repository }).endpoint(Working))),
    );
    const gateway = { ...env, DRAGONPAY_GATEWAY_URL: 'http://127.0.0.1:1' };
    const fields = ['--txnid', 'T-1', '--refno', 'R1', '--status', 'S'];
    const runs: Array<[args: string[], input?: string | undefined, variables?: Record<string, string>]> = [
      [['verify', 'txnid=T-1&refno=R1&status=S&digest=00']],
      [['verify', '--diagnose', 'txnid=T-1&refno=R1&status=S&digest=0123456789012345678901234567890123456789']],
      [['verify', '--json', 'txnid=T-1&refno=R1&status=S&signature=00']],
      [
        ['verify', 'txnid=T-1&refno=R1&status=S&digest=00'],
        undefined,
        { ...env, DRAGONPAY_SECRET_KEYS: `[${secrets['secret key']}` },
      ],
      [
        ['verify', 'txnid=T-1&refno=R1&status=S&digest=00'],
        undefined,
        { ...env, DRAGONPAY_PUBLIC_KEYS: secrets['secret key'] },
      ],
      [['send', url, '--proof', 'sha1', ...fields]],
      [['send', url, '--proof', 'hmac', ...fields, '--json']],
      [['send', 'http://127.0.0.1:1', '--proof', 'sha1', ...fields]],
      [['doctor', url], undefined, gateway],
      [['doctor', 'http://127.0.0.1:1', '--json'], undefined, gateway],
      ...['reconcile', 'migrate up', 'migrate status', 'migrate down', `doctor ${url}`].flatMap((command) =>
        databases.map((DATABASE_URL): [string[], undefined, Record<string, string>] => [
          command.split(' '),
          undefined,
          { ...gateway, DATABASE_URL },
        ]),
      ),
      [['sandbox', '--port', 'x']],
      [['no-such-command']],
    ];
    const { stdout: help } = await runCommand(['--help']);
    const commands = [...help.matchAll(/^ {2}([a-z]+) .*/gm)].map(([, name]) => name).filter((name) => name !== 'help');
    expect([...new Set(runs.map(([[name]]) => name))]).to.include.members(commands);
    for (const [args, input, variables = env] of runs) {
      const { code, stdout, stderr } = await runCommand(args, variables, input);
      watch.say(args.join(' '), stdout);
      watch.say(args.join(' '), stderr);
      expect(`${stdout}${stderr}`, args.join(' ')).not.to.equal('');
      expect(code, args.join(' ')).to.be.a('number');
    }
    expect(watch.found).to.deep.equal([]);
  });

  it('is in no page of the sandbox', async () => {
    const watch = new SecretWatch(secrets);
    const sandbox = await startSandbox({
      apiKey: secrets['API key'],
      secretKey: secrets['secret key'],
      hmacKey: secrets['HMAC key'],
    });
    try {
      const seen = new Set<string>();
      const toSee = ['/', '/no-such-page', '/?a=b'];
      for (let path = toSee.shift(); path !== undefined && seen.size < 40; path = toSee.shift()) {
        if (seen.has(path)) continue;
        seen.add(path);
        const response = await fetch(new URL(path, sandbox.url), {
          redirect: 'manual',
          signal: AbortSignal.timeout(2_000),
        });
        if (response.headers.get('content-type')?.includes('event-stream')) continue;
        watch.say(`page ${path}`, [...response.headers]);
        const page = await response.text();
        watch.say(`page ${path}`, page);
        for (const [, link = ''] of page.matchAll(/(?:href|src)="(\/[^"#]*)"/g)) toSee.push(link);
      }
      expect(seen.size).to.be.above(3);
    } finally {
      await sandbox.close();
    }
    expect(watch.found).to.deep.equal([]);
  });

  it('is in no payload of a job, nor is the proof of the callback', async () => {
    const callback = await verifySigned({ txnid: 'T-1', refno: 'R1', status: 'S', message: 'Paid', amount: '100.00' });
    const update = { outcome: 'applied', previous: 'P', current: 'S', late: false } as const;
    const [, proof = ''] = /(?:digest|signatures?)=([^&]+)/i.exec(callback.raw()) ?? [];
    expect(proof).not.to.equal('');
    const watch = new SecretWatch({ proof: decodeURIComponent(proof) });
    watch.say('job', jobOf('ship', callback, update));
    expect(watch.found).to.deep.equal([]);
  });

  it('is found by npm run test:secrets, in whatever way a test says it', async () => {
    const mocha = ['node_modules/mocha/bin/mocha.js', '--require', 'test/support/secret-hooks.ts', '--no-color'];
    const child = spawn(process.execPath, [...mocha, 'test/fixtures/leaks.ts'], { cwd: root });
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
    const found = [...output.matchAll(/^test\/fixtures\/leaks\.ts: leaks (.+): (?:the key|the right proof) \S+…/gm)];
    const titles = [...output.matchAll(/^ +✔ (.+?)(?: \(\d+ms\))?$/gm)].map(([, title]) => title);
    expect(titles).to.have.length(8);
    expect(new Set(found.map(([, title]) => title))).to.deep.equal(new Set(titles.filter((one) => one !== 'nothing')));
    expect(code).to.equal(1);
  });

  function createSettings(): DragonpaySettings {
    return {
      merchantId: 'ACME',
      environment: 'test',
      verification: {
        rsa: { publicKeys: [corpusKeys().merchant.publicKey] },
        hmac: { keys: [secrets['HMAC key']] },
        sha1: { secretKeys: [secrets['secret key']] },
        transition: true,
      },
      payout: { sha1: { secretKeys: [secrets['payout key']] } },
      hooks: { rejected() {}, stored() {}, handlerFailed() {} },
    };
  }

  /** Reconciles a payment, and receives a callback whose public keys cannot be fetched. */
  async function reconcileWith(gateway: string, say: (where: string, value: unknown) => void): Promise<void> {
    const repository = new MemoryRepository();
    await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
    const dragonpay = createDragonpay({
      merchantId: 'ACME',
      environment: { gateway },
      apiKey: secrets['API key'],
      verification: { rsa: {} },
      repository,
      inquiry: { attempts: 1 },
      hooks: watchedHooks(say),
    });
    const endpoint = dragonpay.endpoint(Working);
    const signatures = encodeURIComponent(Buffer.alloc(256).toString('base64'));
    say('reply', await endpoint.dispatch(postForm(`txnid=T-1&refno=R1&status=S&signatures=${signatures}`)));
    try {
      say('report', await dragonpay.reconcile({ txnids: ['T-1'] } as never));
    } catch (error) {
      say('error', error);
    }
    await dragonpay.close();
  }
});
