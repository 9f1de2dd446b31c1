import { expect } from 'chai';
import { describeExplanation } from '../../src/cli/verify/describe-explanation.js';
import { explainCallback } from '../../src/cli/verify/explain-callback.js';
import { failures } from '../../src/errors.js';
import { settingsFromEnv } from '../../src/index.js';
import { resolveSettings } from '../../src/settings/resolve-settings.js';
import { encodeCallback, signCallback, startSandbox } from '../../src/testing.js';
import { runCli, runCommand } from '../support/cli.js';
import { opensslSha1 } from '../support/openssl.js';
import { recordedCallbacks } from '../support/recorded-callbacks.js';

const secretKey = 'hush, a secret key';
const hmacKey = 'hush, an HMAC key';
const env = {
  DRAGONPAY_MERCHANT_ID: 'ACME',
  DRAGONPAY_ENVIRONMENT: 'test',
  DRAGONPAY_SECRET_KEYS: JSON.stringify(['an old one', secretKey]),
};
const fields = { txnid: 'T-1', refno: 'R1', status: 'S', message: '[000] Niño: paid', amount: '100.00', param1: 'x' };

describe('dragonpay-callback verify', () => {
  const verify = (input: string, args: string[] = [], variables: Record<string, string> = env) =>
    runCommand(['verify', ...args], variables, input);
  const sha1 = { secretKey };
  const signed = () => encodeCallback(signCallback(fields, { sha1 }));

  it('explains a valid callback step by step', async () => {
    const { code, stdout, stderr } = await runCli(['verify'], env, `${signed()}&expiry=1%2f2\n`);
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    expect(stdout.split('\n')).to.deep.equal([
      '1. read: 8 fields of a body',
      '     txnid = T-1',
      '     refno = R1',
      '     status = S',
      '     message = [000] Niño: paid',
      '     amount = 100.00',
      '     param1 = x',
      '     digest = (40 characters)',
      '     expiry = 1/2   (unknown field, ignored)',
      '2. check: a payment with well-formed fields',
      '3. verify',
      '     merchantid is not sent; proofs that cover it use the configured merchant id',
      '     signatures (rsa of txnid:refno:status:message:merchantid:param1:param2:amount) is not sent',
      '     signature (hmac of txnid:refno:status:message:amount) is not sent',
      '     digest (sha1 of txnid:refno:status:message:(secret key)) matches with secretKeys[1] of DRAGONPAY_SECRET_KEYS; it does not cover param1, amount',
      'Verdict: valid',
      '',
    ]);
  });

  it('says what the handler says of a space behind the form and of bytes that are not UTF-8', async () => {
    const codeOf = async (input: string | Buffer) => {
      const { stdout } = await verify(input as string, ['--json']);
      return JSON.parse(stdout).issues[0]?.code;
    };
    expect(await codeOf(`\ufeff\r\n${signed()}\r\n`)).to.equal(undefined);
    expect(await codeOf(`${signed()} `)).to.equal('proof-mismatch');
    const digest = opensslSha1(`T-1:R1:S:Paid :${secretKey}`);
    expect(await codeOf(`txnid=T-1&refno=R1&status=S&digest=${digest}&message=Paid \n`)).to.equal(undefined);
    expect(await codeOf(Buffer.from(signed().replace('Ni%c3%b1o', 'Ni\xf1o'), 'latin1'))).to.equal('invalid-utf8');
    expect(await codeOf(signed().replace('Ni%c3%b1o', 'Niño'))).to.equal(undefined);
  });

  it('accepts a body, a query string and a whole URL', async () => {
    for (const [input, method] of [
      [signed(), 'POST'],
      [`?${signed()}`, 'GET'],
      [`/dragonpay/callback?${signed()}`, 'GET'],
      [`https://shop.example/return?${signed()}#top`, 'GET'],
    ] as const) {
      const { code, stdout } = await verify(input, ['--json']);
      expect({ input, code }).to.deep.equal({ input, code: 0 });
      expect(JSON.parse(stdout)).to.include({ outcome: 'valid', method, kind: 'payment' });
    }
  });

  for (const [what, form, code, said] of [
    ['a forgery', () => signed().replace('status=S', 'status=F'), 'proof-mismatch', 'DOES NOT MATCH'],
    [
      'another proof',
      () => encodeCallback(signCallback(fields, { hmac: { key: hmacKey } })),
      'proof-missing',
      'is sent and ignored',
    ],
    ['no proof', () => encodeCallback(fields), 'proof-missing', 'is not sent'],
    [
      'another merchant',
      () => encodeCallback(signCallback({ ...fields, merchantid: 'OTHER' }, { sha1 })),
      'merchant-mismatch',
      'is not checked',
    ],
    [
      'a colon',
      () => encodeCallback(signCallback({ ...fields, txnid: 'A:B' }, { sha1 })),
      'malformed-field',
      'txnid is malformed',
    ],
    ['a field twice', () => `${signed()}&TXNID=T-2`, 'repeated-field', 'txnid occurs more than once'],
    ['bytes that are not UTF-8', () => signed().replace('%c3%b1', '%f1'), 'invalid-utf8', 'message is not UTF-8'],
    [
      'a payout',
      () => encodeCallback(signCallback({ ...fields, txnid: '', merchantTxnId: 'O-1' }, { sha1 })),
      'ambiguous-kind',
      'both present',
    ],
    [
      'a payout that has no key',
      () => 'merchantTxnId=O-1&refNo=R&status=S',
      'kind-not-accepted',
      'does not accept payouts',
    ],
    ['too much', () => `${signed()}&x=${'x'.repeat(20_000)}`, 'body-too-large', ''],
  ] as const) {
    it(`answers ${code} for ${what}, and prints no secret or proof`, async () => {
      const explanation = await explainCallback(
        { form: form(), method: 'POST' },
        resolveSettings(settingsFromEnv(env)),
      );
      const text = describeExplanation(explanation);
      expect(explanation.outcome).to.equal('invalid');
      expect(text)
        .to.match(new RegExp(`^Verdict: invalid, ${code}: `, 'm'))
        .and.include(said);
      expect(text).not.to.match(/hush|[0-9a-f]{40}/i);
    });
  }

  it('escapes control characters of a callback', async () => {
    const form = 'txnid=%1b%5b2J%c2%9b2J%e2%80%ae%0dgone';
    for (const args of [[], ['--json']]) {
      const { code, stdout, stderr } = await verify(form, args);
      expect(code).to.equal(1);
      expect(stdout + stderr).not.to.match(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      if (args.length === 0) expect(stdout).to.include('1. read: 1 field of a body');
    }
  });

  it('never prints the expected proof', async () => {
    const right = opensslSha1(`T-1:R1:S:Paid:${secretKey}`);
    const form = `txnid=T-1&refno=R1&status=S&message=Paid&digest=${'0'.repeat(40)}`;
    for (const args of [[], ['--json']]) {
      const { code, stdout, stderr } = await verify(form, args);
      expect(code).to.equal(1);
      expect((stdout + stderr).toLowerCase())
        .not.to.include(right)
        .and.not.include('hush');
    }
  });

  it('reports for each proof whether it holds and which fields it does not cover', async () => {
    const all = { ...env, DRAGONPAY_HMAC_KEYS: JSON.stringify([hmacKey]) };
    const { digest } = signCallback({ ...fields, status: 'F' }, { sha1 });
    const form = encodeCallback({
      ...signCallback(fields, { hmac: { key: hmacKey } }),
      digest: digest ?? '',
      procid: 'BOG',
    });
    const { code, stdout } = await verify(form, ['--json'], all);
    expect(code).to.equal(1);
    const { proofs, issues, outcome } = JSON.parse(stdout);
    expect(outcome).to.equal('invalid');
    expect(proofs.map(({ result }: { result: string }) => result)).to.deep.equal(['absent', 'holds', 'does-not-hold']);
    expect(proofs[1]).to.deep.include({ keyId: 'keys[0]', unsigned: ['param1', 'procid'] });
    expect(issues).to.deep.equal([
      {
        code: 'proof-mismatch',
        field: 'digest',
        message: 'digest does not match the fields',
        meaning: failures['proof-mismatch'].meaning,
      },
    ]);
  });

  it('verifies a payout with the payout key', async () => {
    const form = encodeCallback(signCallback({ merchantTxnId: 'O-1', refNo: 'R', status: 'S', message: '' }, { sha1 }));
    const { code, stdout } = await verify(form, [], {
      ...env,
      DRAGONPAY_PAYOUT_SECRET_KEYS: JSON.stringify([secretKey]),
      DRAGONPAY_PAYOUT_SHARED_SECRET: 'true',
    });
    expect(code, stdout).to.equal(0);
    expect(stdout).to.include('a payout').and.include('of DRAGONPAY_PAYOUT_SECRET_KEYS');
  });

  it('fetches the public keys of a gateway, and ends with 3 if it cannot', async () => {
    const sandbox = await startSandbox();
    const { merchantId, apiKey } = sandbox.settings;
    const variables = { DRAGONPAY_MERCHANT_ID: merchantId, DRAGONPAY_API_KEY: apiKey };
    await sandbox.createPayment({ txnid: 'T-1', amount: '100.00' });
    sandbox.register({ returnUrl: 'http://127.0.0.1:9/return' });
    const { returnUrl = '' } = await sandbox.settle('T-1', 'S');
    const valid = await verify(returnUrl, ['--gateway', sandbox.url], variables);
    expect(valid.code, valid.stdout + valid.stderr).to.equal(0);
    expect(valid.stdout).to.match(/^ {5}signatures \(rsa of [\w:]+\) matches with [0-9a-f]{16} of the public keys/m);
    await sandbox.close();
    const { code, stdout } = await verify(returnUrl, ['--gateway', sandbox.url], variables);
    expect(code).to.equal(3);
    expect(stdout)
      .to.match(/^Verdict: keys-unavailable: /m)
      .and.not.include(apiKey);
  });

  it('reads a recorded callback of another merchant as invalid', async () => {
    const one = recordedCallbacks.find(({ raw_query: query }) => query?.includes('digest='));
    const { code, stdout } = await verify(one?.raw_query ?? '');
    expect(code).to.equal(1);
    expect(stdout).to.include('txnid = ').and.include('Verdict: invalid');
  });

  it('refuses empty input, several lines, and a URL without a query', async () => {
    for (const [input, said] of [
      ['', 'standard input is empty'],
      [`${signed()}\n${signed()}`, 'more than one line'],
      ['https://shop.example/return', 'has no query'],
    ] as const) {
      const { code, stdout, stderr } = await verify(input);
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
      expect(stderr).to.include(said);
    }
  });
});
