import { createPublicKey, createVerify } from 'node:crypto';
import { expect } from 'chai';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox.js';
import { type MerchantServer, type SeenRequest, startMerchantServer } from '../support/merchant-server.js';
import { opensslHmac, opensslSha1 } from '../support/openssl.js';

/**
 * The known facts about Dragonpay, one by one. The tests use no code of the package: they join the texts themselves,
 * and check proofs with openssl and node:crypto.
 */
describe('The protocol of the sandbox', () => {
  const merchantId = 'merchant12345';
  const [apiKey, secretKey, hmacKey] = ['the api key', 'secret key', 'the hmac key'];
  let merchant: MerchantServer;
  let sandbox: Sandbox;

  beforeEach(async () => {
    merchant = await startMerchantServer();
    await restart();
  });
  afterEach(async () => {
    await sandbox.close();
    await merchant.close();
  });

  async function restart(options: SandboxOptions = {}): Promise<void> {
    await sandbox?.close();
    sandbox = await startSandbox({
      merchantId,
      apiKey,
      secretKey,
      hmacKey,
      proofs: ['rsa', 'hmac', 'sha1'],
      postbackUrl: `${merchant.url}/postback`,
      returnUrl: `${merchant.url}/return`,
      payoutPostbackUrl: `${merchant.url}/payout`,
      ...options,
    });
  }

  const authorization = (user = merchantId, password = apiKey) => ({
    authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
  });

  function call(path: string, headers: Record<string, string> = authorization(), init: RequestInit = {}) {
    return fetch(`${sandbox.url}${path}`, { redirect: 'manual', ...init, headers });
  }

  const collect = (path: string, headers?: Record<string, string>) => call(`/api/collect/v1${path}`, headers);

  /** A payment that is settled, and what the merchant's server was sent. */
  async function settled(details: object = {}, status = 'S', options: object = {}): Promise<SeenRequest> {
    const all = { txnid: 'T-1', amount: '100.00', ...details };
    await sandbox.createPayment(all);
    await sandbox.settle(all.txnid, status, options);
    return merchant.seen.at(-1) as SeenRequest;
  }

  async function paidOut(status = 'S', options: object = {}): Promise<SeenRequest> {
    await sandbox.createPayout({ merchantTxnId: 'O-1', amount: '5.00' });
    await sandbox.settlePayout('O-1', status, options);
    return merchant.seen.at(-1) as SeenRequest;
  }

  async function listedKeys(): Promise<Array<{ value: string; status: string }>> {
    return (await collect('/keys/callback')).json() as Promise<Array<{ value: string; status: string }>>;
  }

  function signedBy(value: string, text: string, signature = ''): boolean {
    const key = createPublicKey({ key: Buffer.from(value, 'base64'), format: 'der', type: 'spki' });
    return createVerify('RSA-SHA256').update(text, 'utf8').verify(key, signature, 'base64');
  }

  const rsaText = (fields: Readonly<Record<string, string>>) =>
    ['txnid', 'refno', 'status', 'message', 'merchantid', 'param1', 'param2', 'amount']
      .map((name) => fields[name] ?? '')
      .join(':');

  /** The payment page, driven as a browser without scripts drives it. */
  async function press(url: string, step: Record<string, string>): Promise<string> {
    const token = new URL(url).searchParams.get('tokenid') ?? '';
    const body = new URLSearchParams({ tokenid: token, ...step });
    const answer = await fetch(`${sandbox.url}/Pay.aspx`, { method: 'POST', body, redirect: 'manual' });
    expect(answer.status).to.equal(303);
    return answer.headers.get('location') ?? '';
  }

  const facts: ReadonlyArray<readonly [string, () => Promise<void>]> = [
    [
      'a postback is a POST of a form to the postback URL',
      async () => {
        const { method, path, contentType } = await settled();
        expect({ method, path, contentType }).to.deep.equal({
          method: 'POST',
          path: '/postback',
          contentType: 'application/x-www-form-urlencoded',
        });
      },
    ],
    [
      'a postback is a GET with postbackMethod GET',
      async () => {
        await restart({ postbackMethod: 'GET' });
        const { method, path, fields } = await settled();
        expect({ method, path, txnid: fields.txnid }).to.deep.equal({ method: 'GET', path: '/postback', txnid: 'T-1' });
      },
    ],
    [
      'the return is a GET with the same fields as the postback',
      async () => {
        await sandbox.createPayment({ txnid: 'T-1', amount: '100.00', param1: 'p 1' });
        const { returnUrl } = await sandbox.settle('T-1', 'S');
        const { origin, pathname, searchParams } = new URL(returnUrl ?? '');
        expect(`${origin}${pathname}`).to.equal(`${merchant.url}/return`);
        expect(Object.fromEntries(searchParams)).to.deep.equal(merchant.seen[0]?.fields);
      },
    ],
    [
      'the postback precedes the return',
      async () => {
        const { url } = await sandbox.createPayment({ txnid: 'T-1', amount: '100.00' });
        await press(url, { step: 'channel', procid: 'BOG' });
        await press(url, { step: 'pay' });
        expect(merchant.seen.map(({ path, fields }) => `${path} ${fields.status}`)).to.deep.equal(['/postback S']);
      },
    ],
    [
      'without a postback URL, later updates go to the return URL by GET',
      async () => {
        await restart({ postbackUrl: undefined });
        const { url } = await sandbox.createPayment({ txnid: 'T-1', amount: '100.00' });
        await press(url, { step: 'channel', procid: 'BOG' });
        const location = await press(url, { step: 'pay' });
        expect(merchant.seen, 'the browser delivers the first').to.deep.equal([]);
        expect(new URL(location).pathname).to.equal('/return');
        await sandbox.settle('T-1', 'R');
        expect(merchant.seen.map(({ method, path, fields }) => `${method} ${path} ${fields.status}`)).to.deep.equal([
          'GET /return R',
        ]);
      },
    ],
    [
      'a payout goes to its own URL, with merchantTxnId and without txnid',
      async () => {
        const { method, path, fields } = await paidOut();
        expect({ method, path }).to.deep.equal({ method: 'POST', path: '/payout' });
        expect(fields).to.have.property('merchantTxnId', 'O-1');
        expect(fields).to.not.have.property('txnid');
        expect(Object.keys(fields).map((name) => name.toLowerCase())).to.include.members([
          ...['merchanttxnid', 'refno', 'status', 'message', 'digest'],
        ]);
      },
    ],
    [
      'the fields of a payment have lower-case names and the documented shapes',
      async () => {
        const { fields } = await settled({ txnid: 'ORD-2026/08_1', param1: 'one', description: 'not on the wire' });
        const shapes: Readonly<Record<string, RegExp>> = {
          txnid: /^ORD-2026\/08_1$/,
          refno: /^[\x20-\x39\x3b-\x7e]{8,32}$/,
          status: /^S$/,
          message: /^.{1,128}$/,
          digest: /^[0-9a-f]{40}$/,
          signature: /^[0-9A-F]{64}$/,
          signatures: /^[A-Za-z0-9+/]{342}==$/,
          merchantid: /^merchant12345$/,
          param1: /^one$/,
          param2: /^$/,
          amount: /^100\.00$/,
          ccy: /^PHP$/,
          procid: /^[A-Z]{1,4}$/,
          settledate: /^\d{4}-\d\d-\d\d$/,
        };
        expect(Object.keys(fields)).to.have.members(Object.keys(shapes));
        for (const [name, shape] of Object.entries(shapes)) expect(fields[name], name).to.match(shape);
      },
    ],
    [
      'an amount has exactly two decimals and no grouping',
      async () => {
        expect((await settled({ txnid: 'T-1', amount: '7' })).fields.amount).to.equal('7.00');
        expect((await settled({ txnid: 'T-2', amount: '1234567.5' })).fields.amount).to.equal('1234567.50');
      },
    ],
    [
      'escapes use lower-case hex, and a space is a plus',
      async () => {
        const { form } = await settled({ param1: '50% [a+b]' }, 'S', { message: '[000] BOG Reference No: 1 #A' });
        expect(form).to.include('message=%5b000%5d+BOG+Reference+No%3a+1+%23A');
        expect(form).to.include('param1=50%25+%5ba%2bb%5d');
        expect(form)
          .to.not.match(/%[0-9a-f]?[A-F]/)
          .and.not.include('%20');
      },
    ],
    [
      'the return URL has the same escapes',
      async () => {
        await sandbox.createPayment({ txnid: 'T-1', amount: '100.00' });
        const { returnUrl } = await sandbox.settle('T-1', 'F', { message: '[107] No: #A' });
        expect(returnUrl).to.include('message=%5b107%5d+No%3a+%23A');
      },
    ],
    [
      'signatures is RSA-SHA256 over eight fields, with a key of the keys endpoint',
      async () => {
        const { fields } = await settled({ param1: 'uno', param2: 'Peña' }, 'S', { message: '[000] Niño: ok' });
        expect(rsaText(fields)).to.equal(`T-1:${fields.refno}:S:[000] Niño: ok:merchant12345:uno:Peña:100.00`);
        const [key] = await listedKeys();
        expect(signedBy(key?.value ?? '', rsaText(fields), fields.signatures)).to.equal(true);
        expect(signedBy(key?.value ?? '', `${rsaText(fields)}0`, fields.signatures)).to.equal(false);
      },
    ],
    [
      'signature is HMAC-SHA256 over five fields, in upper-case hex',
      async () => {
        const { fields } = await settled({ param1: 'not covered' }, 'S', { message: '[000] Niño: ok' });
        const hmac = opensslHmac(hmacKey, `T-1:${fields.refno}:S:[000] Niño: ok:100.00`);
        expect(fields.signature).to.equal(hmac.toUpperCase());
      },
    ],
    [
      'digest is SHA-1 over four fields and the secret key, in lower-case hex',
      async () => {
        const { fields } = await settled({}, 'F', { message: '[000] Niño: no' });
        expect(fields.digest).to.equal(opensslSha1(`T-1:${fields.refno}:F:[000] Niño: no:secret key`));
      },
    ],
    [
      'a payout has a SHA-1 digest and no other proof',
      async () => {
        await restart({ proofs: ['rsa'] });
        const { fields } = await paidOut('S', { message: '[000] Sent: ok' });
        expect(fields.digest).to.equal(opensslSha1(`O-1:${fields.refNo}:S:[000] Sent: ok:secret key`));
        expect(fields).to.not.have.any.keys('signature', 'signatures');
      },
    ],
    [
      'a payment has the configured proofs, RSA by default',
      async () => {
        for (const [proofs, names] of [
          [undefined, ['signatures']],
          [['hmac'], ['signature']],
          [['sha1'], ['digest']],
          [
            ['sha1', 'rsa'],
            ['digest', 'signatures'],
          ],
        ] as const) {
          await sandbox.close();
          const urls = { postbackUrl: merchant.url };
          sandbox = await startSandbox({ ...urls, ...(proofs && { proofs }) });
          const { fields } = await settled();
          const carried = ['digest', 'signature', 'signatures'].filter((name) => name in fields);
          expect(carried).to.deep.equal(names);
        }
      },
    ],
    [
      'the keys endpoint lists base64 DER keys with their status, and requires Basic auth',
      async () => {
        const answer = await collect('/keys/callback');
        expect(answer.status).to.equal(200);
        expect(answer.headers.get('content-type')).to.match(/^application\/json/);
        const text = await answer.text();
        expect(text.length).to.be.lessThan(65_536);
        for (const { value, status, ...rest } of JSON.parse(text)) {
          expect(rest).to.deep.equal({});
          expect(status).to.be.oneOf(['Active', 'Revoked']);
          const key = createPublicKey({ key: Buffer.from(value, 'base64'), format: 'der', type: 'spki' });
          expect(key.asymmetricKeyType).to.equal('rsa');
          expect(key.asymmetricKeyDetails?.modulusLength).to.be.within(2048, 8192);
        }
        for (const headers of [{}, authorization('other'), authorization(merchantId, 'wrong'), authorization('', '')]) {
          const refused = await collect('/keys/callback', headers as Record<string, string>);
          expect(refused.status).to.equal(401);
          expect(await refused.text()).to.not.include('value');
        }
      },
    ],
    [
      'any Active key may verify, and a Revoked key no longer signs',
      async () => {
        const before = await settled({ txnid: 'T-1' });
        await sandbox.rotateKeys({ previous: 'Active' });
        const between = await settled({ txnid: 'T-2' });
        await sandbox.rotateKeys({ previous: 'Revoked' });
        const after = await settled({ txnid: 'T-3' });
        const keys = await listedKeys();
        expect(keys.map(({ status }) => status)).to.have.members(['Active', 'Revoked', 'Active']);
        const statusOf = ({ fields }: SeenRequest) =>
          keys.find(({ value }) => signedBy(value, rsaText(fields), fields.signatures))?.status;
        expect([before, between, after].map(statusOf)).to.deep.equal(['Active', 'Revoked', 'Active']);
      },
    ],
    [
      'every status of payments and of payouts is one letter on the wire',
      async () => {
        await sandbox.createPayment({ txnid: 'T-1', amount: '1.00' });
        await sandbox.createPayout({ merchantTxnId: 'O-1', amount: '1.00' });
        for (const letter of 'SFPURKVAE') await sandbox.settle('T-1', letter);
        for (const letter of 'SFPVGH') await sandbox.settlePayout('O-1', letter);
        expect(merchant.seen.map(({ fields }) => fields.status).join('')).to.equal('SFPURKVAESFPVGH');
      },
    ],
    [
      'an online bank sends one S or F',
      async () => {
        for (const [step, status] of [
          ['pay', 'S'],
          ['fail', 'F'],
          ['cancel', 'F'],
        ] as const) {
          merchant.seen.length = 0;
          const { url } = await sandbox.createPayment({ txnid: `T-${step}`, amount: '1.00' });
          await press(url, { step: 'channel', procid: 'BPI' });
          const location = await press(url, { step });
          expect(merchant.seen.map(({ fields }) => fields.status)).to.deep.equal([status]);
          expect(new URL(location).searchParams.get('status')).to.equal(status);
          expect(merchant.seen[0]?.fields.procid).to.equal('BPI');
        }
      },
    ],
    [
      'a counter sends P, and then S, F or V',
      async () => {
        for (const [step, status] of [
          ['pay', 'S'],
          ['fail', 'F'],
          ['void', 'V'],
        ] as const) {
          merchant.seen.length = 0;
          const { url } = await sandbox.createPayment({ txnid: `T-${step}`, amount: '1.00' });
          await press(url, { step: 'channel', procid: 'BOGX' });
          expect(merchant.seen.map(({ fields }) => fields.status)).to.deep.equal(['P']);
          await press(url, { step });
          expect(merchant.seen.map(({ fields }) => fields.status)).to.deep.equal(['P', status]);
          expect(merchant.seen[1]?.fields.procid).to.equal('BOGX');
        }
      },
    ],
    [
      'a settled payment has a settlement date, and an open one does not',
      async () => {
        expect((await settled({ txnid: 'T-1' }, 'P')).fields).to.not.have.property('settledate');
        expect((await settled({ txnid: 'T-2' }, 'S')).fields.settledate).to.match(/^\d{4}-\d\d-\d\d$/);
      },
    ],
    [
      'a cancelled payment has code 107 in its message',
      async () => {
        const { url } = await sandbox.createPayment({ txnid: 'T-1', amount: '1.00' });
        await press(url, { step: 'cancel' });
        expect(merchant.seen[0]?.fields.message).to.match(/^\[107\]/);
      },
    ],
    [
      'a failed payment may have code 000',
      async () => {
        const { fields } = await settled({}, 'F', { message: '[000] BOG Reference No: 20150408212056' });
        expect(fields).to.include({ status: 'F', message: '[000] BOG Reference No: 20150408212056' });
      },
    ],
    [
      'an inquiry answers by txnid and refno, with a numeric amount and dates without a zone',
      async () => {
        const details = { description: 'A "book"', email: 'payer@example.com', param1: 'p1', param2: 'p2' };
        const { fields } = await settled({ txnid: 'T/1', amount: '1.10', ...details });
        const byTxnid = await collect('/txnid/T%2F1');
        const text = await byTxnid.text();
        expect(await (await collect(`/refno/${fields.refno}`)).text()).to.equal(text);
        const answer = JSON.parse(text);
        expect(Object.keys(answer)).to.deep.equal([
          ...['RefNo', 'MerchantId', 'TxnId', 'RefDate', 'Amount', 'Currency', 'Description', 'Status', 'Email'],
          ...['MobileNo', 'ProcId', 'ProcMsg', 'SettleDate', 'Param1', 'Param2', 'Fee'],
        ]);
        expect(answer).to.include({
          RefNo: fields.refno,
          MerchantId: merchantId,
          TxnId: 'T/1',
          Amount: 1.1,
          Currency: 'PHP',
          Status: 'S',
          Description: 'A "book"',
          Email: 'payer@example.com',
          ProcId: fields.procid,
          ProcMsg: fields.message,
          Param1: 'p1',
          Param2: 'p2',
        });
        expect(answer.Fee).to.be.a('number');
        expect(answer.RefDate).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
        expect(answer.SettleDate).to.match(/^\d{4}-\d\d-\d\dT00:00:00$/);
        const age = Date.now() - Date.parse(`${answer.RefDate}+08:00`);
        expect(age, 'the time in Manila').to.be.within(-1_000, 60_000);
      },
    ],
    [
      'an inquiry about an unknown payment answers 404',
      async () => {
        for (const path of ['/txnid/T-9', '/refno/ABCD1234', '/void/T-9']) {
          expect((await collect(path)).status, path).to.equal(404);
          expect((await collect(path, authorization(merchantId, 'no'))).status, path).to.equal(401);
        }
      },
    ],
    [
      'void answers Status and Message, and the payment becomes V',
      async () => {
        await sandbox.createPayment({ txnid: 'T-1', amount: '1.00' });
        const answer = (await (await collect('/void/T-1')).json()) as object;
        expect(Object.keys(answer)).to.deep.equal(['Status', 'Message']);
        expect(answer)
          .to.have.property('Message')
          .that.matches(/^\[000\]/);
        await merchant.until(1);
        expect(merchant.seen[0]?.fields).to.include({ txnid: 'T-1', status: 'V' });
        expect(await (await collect('/txnid/T-1')).json()).to.include({ Status: 'V' });
      },
    ],
    [
      'void refuses a paid payment',
      async () => {
        await settled();
        const answer = (await (await collect('/void/T-1')).json()) as { Message: string };
        expect(answer.Message).to.match(/^\[110\]/);
        expect(await (await collect('/txnid/T-1')).json()).to.include({ Status: 'S' });
      },
    ],
    [
      'creating a payment answers RefNo, Status, Message and the Url of its page',
      async () => {
        const body = JSON.stringify({
          Amount: '100.00',
          Currency: 'PHP',
          Description: 'A book',
          Email: 'p@example.com',
        });
        const headers = { ...authorization(), 'content-type': 'application/json' };
        const made = await call('/api/collect/v1/T%2F7/post', headers, { method: 'POST', body });
        const answer = (await made.json()) as Record<string, string>;
        expect(Object.keys(answer)).to.deep.equal(['RefNo', 'Status', 'Message', 'Url']);
        expect(answer.Status).to.equal('S');
        const page = await fetch(answer.Url ?? '');
        expect(page.status).to.equal(200);
        expect(await page.text())
          .to.include('100.00')
          .and.include('A book')
          .and.include('T/7');
        expect(await (await collect('/txnid/T%2F7')).json()).to.include({ RefNo: answer.RefNo, Status: 'P' });
        const refused = await call(
          '/api/collect/v1/T-8/post',
          { 'content-type': 'application/json' },
          { method: 'POST', body },
        );
        expect(refused.status).to.equal(401);
      },
    ],
    [
      'the payment page requires the SHA-1 digest of six values and the secret key',
      async () => {
        const query = new URLSearchParams({
          merchantid: 'merchant12345',
          txnid: '12345',
          amount: '500.00',
          ccy: 'php',
          description: 'description placeholder',
          email: 'customer@example.com',
          digest: '2df785d5866b9525ce8c38ab9ef5e953a330f310',
        });
        expect(
          opensslSha1('merchant12345:12345:500.00:php:description placeholder:customer@example.com:secret key'),
        ).to.equal(query.get('digest'));
        const page = await fetch(`${sandbox.url}/Pay.aspx?${query}`);
        expect(page.status).to.equal(200);
        expect(await page.text())
          .to.include('500.00')
          .and.include('description placeholder');
        const changes = { amount: '5.00', txnid: '12346', digest: '', email: 'x@example.com' };
        for (const [name, value] of Object.entries(changes)) {
          const forged = new URLSearchParams(query);
          forged.set(name, value);
          const refused = await fetch(`${sandbox.url}/Pay.aspx?${forged}`);
          expect(refused.status, name).to.equal(400);
          expect(await refused.text(), name)
            .to.include('[102]')
            .and.not.include(query.get('digest') as string);
        }
        const stranger = new URLSearchParams(query);
        stranger.set('merchantid', 'OTHER');
        expect(await (await fetch(`${sandbox.url}/Pay.aspx?${stranger}`)).text()).to.include('[201]');
      },
    ],
    [
      'the legacy inquiry answers one letter as plain text',
      async () => {
        await settled({}, 'P');
        const ask = (query: Record<string, string>) =>
          call(`/MerchantRequest.aspx?${new URLSearchParams({ op: 'GETSTATUS', ...query })}`, {});
        const asked = { merchantid: merchantId, merchantpwd: secretKey, txnid: 'T-1' };
        const answer = await ask(asked);
        expect(answer.headers.get('content-type')).to.match(/^text\/plain/);
        expect(await answer.text()).to.equal('P');
        expect(await (await ask({ ...asked, txnid: 'T-9' })).text()).to.equal('U');
        expect(await (await ask({ ...asked, merchantid: 'X' })).text()).to.include('201');
        expect(await (await ask({ ...asked, merchantpwd: 'X' })).text()).to.include('202');
      },
    ],
    [
      'a repeated status sends the same fields and proofs as the return',
      async () => {
        const { fields } = await settled();
        const [first] = sandbox.postbacks();
        await sandbox.resend(first?.id ?? 0);
        expect(merchant.seen[1]?.fields).to.deep.equal(fields);
      },
    ],
    [
      'a postback counts as stored only after a 2xx',
      async () => {
        for (const [status, text, acknowledged] of [
          [200, 'result=OK', true],
          [400, 'result=OK', false],
          [503, 'error=unstored', false],
          [302, '', false],
        ] as const) {
          merchant.answer(() => [status, text]);
          await settled({ txnid: `T-${status}` });
          expect(sandbox.postbacks()[0]?.acknowledged, String(status)).to.equal(acknowledged);
        }
      },
    ],
  ];

  for (const [title, run] of facts) it(title, run);
});
