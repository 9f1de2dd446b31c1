import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { toNodeListener } from '../../adapters/http/node.js';
import { createDragonpay, DragonpayCallback, MemoryRepository, OnPost, settingsFromEnv } from '../../src/index.js';
import { encodeCallback } from '../../src/testing.js';
import { runCommand, startCommand } from '../support/cli.js';
import { opensslDigest, opensslMac, opensslSignWith } from '../support/openssl.js';
import { merchantKey } from '../support/proofs.js';

@DragonpayCallback()
class Silent {
  @OnPost() post() {}
}

const [hmacKey, secretKey] = ['an HMAC key', 'a secret key'];
const merchant = { DRAGONPAY_MERCHANT_ID: 'ACME', DRAGONPAY_ENVIRONMENT: 'test' };
const payment = {
  txnid: 'ORD-7Q2M9XKDV0B4',
  refno: 'ABCD1234EFGH',
  status: 'S',
  message: '[000] BPI Reference No: 20251210 #ABCD1234',
  merchantid: 'ACME',
  param1: 'cart 9',
  amount: '1500.50',
  ccy: 'PHP',
};
type Payment = typeof payment;

/** Gateways that differ from the documented one. Their callbacks are signed by openssl. */
const gateways: Readonly<Record<string, { env: () => Record<string, string>; prove: (fields: Payment) => object }>> = {
  'RSA over another order, with a bar and PSS': {
    env: () => ({ DRAGONPAY_PUBLIC_KEYS: JSON.stringify([merchantKey().publicKeyPem]) }),
    prove: ({ txnid, refno, amount, status, message, param1 }) => {
      const text = [txnid, refno, amount, status, message, param1].join('|');
      const proof = opensslSignWith(merchantKey(), Buffer.from(text), { padding: 'pss' });
      return { signatures: proof.toString('base64') };
    },
  },
  'HMAC with SHA-512 over the currency too': {
    env: () => ({ DRAGONPAY_HMAC_KEYS: JSON.stringify([hmacKey]) }),
    prove: ({ txnid, refno, status, message, amount, ccy }) => {
      const text = [txnid, refno, status, message, amount, ccy].join(':');
      return { signature: opensslMac(hmacKey, Buffer.from(text), 'sha512').toString('hex') };
    },
  },
  'a digest with the amount and the secret in front': {
    env: () => ({ DRAGONPAY_SECRET_KEYS: JSON.stringify([secretKey]) }),
    prove: ({ txnid, refno, status, message, amount }) => {
      const text = [secretKey, txnid, refno, status, message, amount].join(':');
      return { digest: opensslDigest(Buffer.from(text), 'sha1').toString('hex') };
    },
  },
};

describe('The wire on the command line', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wire-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function fileWith(text: string): Promise<string> {
    const file = join(folder, `${process.hrtime.bigint()}.json`);
    await writeFile(file, text);
    return file;
  }

  for (const [name, { env, prove }] of Object.entries(gateways)) {
    it(`pastes what verify --diagnose finds: ${name}`, async () => {
      const variables = { ...merchant, ...env() };
      const form = (fields: Payment, changes = {}) => encodeCallback({ ...fields, ...prove(fields), ...changes });
      const refused = await runCommand(['verify', '--json'], variables, form(payment));
      expect(refused).to.include({ code: 1, stderr: '' });
      const diagnosed = await runCommand(['verify', '--diagnose', '20', '--json'], variables, form(payment));
      expect(diagnosed).to.include({ code: 1, stderr: '' });
      const { diagnosis } = JSON.parse(diagnosed.stdout);
      expect(diagnosis.outcome, diagnosed.stdout).to.equal('mended');
      const wire = JSON.stringify(diagnosis.wire);

      const inWords = await runCommand(['verify', '--diagnose', '20'], variables, form(payment));
      expect(inWords.stdout).to.include(`  wire: ${wire}\n`);
      expect(inWords.stdout + diagnosed.stdout)
        .not.to.include(hmacKey)
        .and.not.to.include(secretKey);

      const next = { ...payment, txnid: 'ORD-2', refno: 'ZZZZ9999', message: 'Paid', amount: '20.00', param1: 'x' };
      const file = await fileWith(`\ufeff${wire}\n`);
      for (const [args, more] of [
        [[], { DRAGONPAY_WIRE: wire }],
        [['--wire', file], {}],
        [['--wire', file], { DRAGONPAY_WIRE: '{}' }],
      ] as const) {
        const verify = (input: string) => runCommand(['verify', ...args], { ...variables, ...more }, input);
        expect(await verify(form(next))).to.include({ code: 0, stderr: '' });
        for (const changes of [{ status: 'F' }, { txnid: 'ORD-3' }, { refno: 'ZZZZ9998' }, { amount: '2.00' }]) {
          expect((await verify(form(next, changes))).code, JSON.stringify(changes)).to.equal(1);
        }
      }
    });
  }

  it('is searched for as long as verify --diagnose SECONDS says', async () => {
    const variables = { ...merchant, DRAGONPAY_HMAC_KEYS: JSON.stringify([hmacKey]) };
    const form = encodeCallback({
      ...payment,
      signature: opensslMac('other', Buffer.from('x'), 'sha256').toString('hex'),
    });
    const begun = process.cpuUsage();
    const { code, stdout } = await runCommand(['verify', '--diagnose', '1'], variables, form);
    expect({ code, stdout }).to.have.property('code', 1);
    expect(stdout).to.include('or a longer search may find one');
    // The default is two seconds.
    const { user, system } = process.cpuUsage(begun);
    expect((user + system) / 1000).to.be.lessThan(1_900);
    const wrong = await runCommand(['verify', '--diagnose', '0'], variables, form);
    expect(wrong).to.include({ code: 2 });
    expect(wrong.stderr).to.include('Expected a number, 1 or more.');
  });

  it('explains a digest with the key where it stands', async () => {
    const wire = JSON.stringify({ payment: { sha1: { key: 'in-front', keySeparator: '', separator: '|' } } });
    const variables = { ...merchant, DRAGONPAY_SECRET_KEYS: JSON.stringify([secretKey]), DRAGONPAY_WIRE: wire };
    const { txnid, refno, status, message } = payment;
    const text = `${secretKey}${[txnid, refno, status, message].join('|')}`;
    const digest = opensslDigest(Buffer.from(text), 'sha1').toString('hex');
    const { code, stdout } = await runCommand(['verify'], variables, encodeCallback({ ...payment, digest }));
    expect(stdout).to.include('digest (sha1 of (secret key)txnid|refno|status|message) matches with secretKeys[0]');
    expect(code).to.equal(0);
  });

  it('is signed by send, and accepted by a handler with the same setting only', async () => {
    const wire = '{"payment":{"hmac":{"separator":"|","amount":"centavos"}}}';
    const variables = { ...merchant, DRAGONPAY_HMAC_KEYS: JSON.stringify([hmacKey]) };
    const codes: Array<number | null> = [];
    for (const own of [{ DRAGONPAY_WIRE: wire }, {}]) {
      const repository = new MemoryRepository();
      const hooks = { rejected: () => {}, stored: () => {} };
      const limits = { earlyMilliseconds: 0 };
      const dragonpay = createDragonpay({ ...settingsFromEnv({ ...variables, ...own }), repository, hooks, limits });
      const server = createServer(toNodeListener(dragonpay.endpoint(Silent)));
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      const args = ['send', url, '--txnid', 'T-1', '--amount', '100.00'];
      for (const more of [[], ['--wire', await fileWith(wire)]]) {
        codes.push((await runCommand([...args, ...more], variables)).code);
      }
      server.close();
    }
    expect(codes).to.deep.equal([1, 0, 0, 1]);
  });

  it('is taken by sandbox, which says that the handler needs it', async () => {
    const file = await fileWith('{"payment":{"rsa":{"separator":"|"}}}');
    const running = startCommand(['sandbox', '--port', '0', '--wire', file]);
    try {
      await running.printed(/DRAGONPAY_WIRE=\(the contents of the file or of DRAGONPAY_WIRE\)/);
    } finally {
      running.interrupt();
      await running.ended;
    }
  });

  it('is taken by doctor, which names what is wrong with it', async () => {
    const file = await fileWith('{"payment":{"sha1":{"separator":""}}}');
    const variables = { ...merchant, DRAGONPAY_SECRET_KEYS: JSON.stringify([secretKey]) };
    const { stdout } = await runCommand(['doctor', 'http://127.0.0.1:9/', '--wire', file], variables);
    expect(stdout).to.include('wire.payment.sha1.separator must be 1 to 3 ASCII characters');
  });

  it('is taken by reconcile, whose module reads it from the environment', async () => {
    const module = await fileWith('');
    await writeFile(`${module}.mjs`, 'throw new Error("wire is " + process.env.DRAGONPAY_WIRE);');
    try {
      const file = await fileWith('{"payment":{}}');
      const { stderr } = await runCommand(['reconcile', '--module', `${module}.mjs`, '--wire', file]);
      expect(stderr).to.include('wire is {"payment":{}}');
    } finally {
      delete process.env.DRAGONPAY_WIRE;
    }
  });

  for (const [what, text, message] of [
    ['a file that is not there', undefined, '--wire cannot be read: ENOENT'],
    ['a file that is not JSON', 'x', '--wire must be a JSON file'],
    [
      'an unknown part',
      '{"payment":{"rsa":{"feilds":[]}}}',
      'wire.payment.rsa.feilds is unknown; did you mean fields?',
    ],
    ['an unsafe reading', '{"payment":{"rsa":{"separator":"-"}}}', 'the text could be cut into another payment'],
  ] as const) {
    it(`is refused as a usage error: ${what}`, async () => {
      const file = text === undefined ? join(folder, 'none.json') : await fileWith(text);
      const variables = { ...merchant, DRAGONPAY_SECRET_KEYS: JSON.stringify([secretKey]) };
      const { code, stderr } = await runCommand(['verify', '--wire', file], variables, 'txnid=1');
      expect(code).to.equal(2);
      expect(stderr).to.include(message);
    });
  }
});
