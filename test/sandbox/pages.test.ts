import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { expect } from 'chai';
import { type Sandbox, startSandbox } from '../../src/sandbox.js';
import { type MerchantServer, startMerchantServer } from '../support/merchant-server.js';
import { opensslSha1 } from '../support/openssl.js';

const secrets = { apiKey: 'the-api-key', secretKey: 'the-secret-key', hmacKey: 'the-hmac-key' };

/** Reads pages and sends forms like a browser without scripts. */
describe('The sandbox pages', () => {
  let merchant: MerchantServer;
  let sandbox: Sandbox;

  beforeEach(async () => {
    merchant = await startMerchantServer();
    sandbox = await startSandbox({
      ...secrets,
      merchantId: 'BOOKSHOP',
      proofs: ['rsa', 'hmac', 'sha1'],
      postbackUrl: `${merchant.url}/postback`,
      returnUrl: `${merchant.url}/return`,
      payoutPostbackUrl: `${merchant.url}/payout`,
    });
  });
  afterEach(async () => {
    await sandbox.close();
    await merchant.close();
  });

  const absolute = (url: string) => new URL(url, sandbox.url).href;

  async function page(url: string): Promise<string> {
    const answer = await fetch(absolute(url), { redirect: 'manual' });
    expect(answer.status, url).to.equal(200);
    expect(answer.headers.get('content-type')).to.equal('text/html; charset=utf-8');
    return answer.text();
  }

  /**
   * Fills in the form with this button, and presses it. The values must be fields of the form. Resolves to the address
   * of the redirect.
   */
  async function press(url: string, button: RegExp | string, values: Record<string, string> = {}): Promise<string> {
    const { status, location } = await submit(url, button, values);
    expect(status).to.equal(303);
    return location;
  }

  async function submit(url: string, button: RegExp | string, values: Record<string, string> = {}) {
    const markup = await page(url);
    const pattern = typeof button === 'string' ? new RegExp(`^${button}$`) : button;
    const forms = [...markup.matchAll(/<form method="post" action="([^"]+)"[^>]*>(.*?)<\/form>/gs)];
    const found = forms.flatMap(([, action = '', inside = '']) =>
      [...inside.matchAll(/<button([^>]*)>(.*?)<\/button>/gs)]
        .filter(([, , text = '']) => pattern.test(text.trim()))
        .map(([, attributes = '']) => ({ action, inside, attributes })),
    );
    expect(found, `${button} on ${url}`).to.have.length(1);
    const [{ action, inside, attributes }] = found as [(typeof found)[0]];
    const body = new URLSearchParams();
    for (const [input] of inside.matchAll(/<input[^>]*>/g)) {
      const name = attributeOf(input, 'name');
      const isChoice = /type="(?:radio|checkbox)"/.test(input);
      if (name !== undefined && (!isChoice || / checked/.test(input)))
        body.set(name, attributeOf(input, 'value') ?? '');
    }
    for (const [name, value] of Object.entries(values)) {
      expect(inside, `the field ${name}`).to.include(`name="${name}"`);
      body.set(name, value);
    }
    const name = attributeOf(attributes, 'name');
    if (name !== undefined) body.set(name, attributeOf(attributes, 'value') ?? '');
    const answer = await fetch(absolute(unescaped(action)), { method: 'POST', body, redirect: 'manual' });
    return { status: answer.status, location: answer.headers.get('location') ?? '', text: await answer.text() };
  }

  function attributeOf(tag: string, name: string): string | undefined {
    const value = new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1];
    return value === undefined ? undefined : unescaped(value);
  }

  function unescaped(text: string): string {
    return text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code))).replaceAll('&amp;', '&');
  }

  const titleOf = (markup: string) => unescaped(/<h1[^>]*>(.*?)<\/h1>/s.exec(markup)?.[1] ?? '');
  const sent = () => merchant.seen.map(({ path, fields }) => `${path} ${fields.status}`);
  const statusOf = (txnid: string) => sandbox.payments().find((payment) => payment.txnid === txnid)?.status;

  async function payment(details: object = {}): Promise<string> {
    const all = { txnid: 'T-1', amount: '1250.00', description: 'Two books', ...details };
    return (await sandbox.createPayment(all)).url;
  }

  describe('for the payer', () => {
    it('send the postback and then the payer back to the shop, with an online bank', async () => {
      const url = await payment();
      const first = await page(url);
      expect(titleOf(first)).to.equal('Choose how to pay');
      for (const text of ['BOOKSHOP', '1,250.00', 'Two books', 'Sandbox.']) expect(first).to.include(text);
      expect(await press(url, 'Continue', { procid: 'BPI' })).to.equal(url);
      expect(sent()).to.deep.equal([]);
      expect(titleOf(await page(url))).to.equal('BPI Online');
      const back = await press(url, /^Pay PHP 1,250\.00$/);
      expect(sent()).to.deep.equal(['/postback S']);
      expect(await (await fetch(back)).text()).to.equal('result=OK');
      expect(sent()).to.deep.equal(['/postback S', '/return S']);
      expect(merchant.seen[1]?.fields).to.deep.equal(merchant.seen[0]?.fields);
      expect(titleOf(await page(url))).to.equal('Payment successful');
    });

    it('show a reference number for a counter, where the payment arrives later', async () => {
      const url = await payment();
      await press(url, 'Continue', { procid: 'BOGX' });
      expect(sent()).to.deep.equal(['/postback P']);
      const markup = await page(url);
      expect(titleOf(markup)).to.equal('Pay at a Bogus Bank branch');
      expect(markup).to.include(merchant.seen[0]?.fields.refno);
      const back = unescaped(/<a class="button "? ?href="([^"]+)">Return to BOOKSHOP/.exec(markup)?.[1] ?? '');
      await fetch(back);
      expect(sent()).to.deep.equal(['/postback P', '/return P']);
      expect(await press(url, 'The payment arrives at the counter')).to.equal(url);
      expect(sent().at(-1)).to.equal('/postback S');
      expect(titleOf(await page(url))).to.equal('Payment successful');
    });

    it('show the counter at once if the shop chose it', async () => {
      const url = await payment({ procid: 'BDO' });
      expect(titleOf(await page(url))).to.equal('Pay at a BDO branch');
      await page(url);
      expect(sent(), 'told once, however often the page is loaded').to.deep.equal(['/postback P']);
    });

    it('let the payer pay later', async () => {
      const url = await payment();
      await press(url, 'Continue', { procid: 'GCSH' });
      const back = await press(url, 'Pay later');
      expect(new URL(back).searchParams.get('status')).to.equal('P');
      await press(url, /^Pay PHP/);
      expect(sent()).to.deep.equal(['/postback P', '/postback S']);
    });

    for (const [button, status] of [
      ['Fail the payment', 'F'],
      ['Cancel', 'F'],
    ] as const) {
      it(`lead back to the shop with "${button}"`, async () => {
        const url = await payment();
        await press(url, 'Continue');
        const back = await press(url, button);
        expect(new URL(back).searchParams.get('status')).to.equal(status);
        expect(sent()).to.deep.equal([`/postback ${status}`]);
        expect(titleOf(await page(url))).to.equal('The payment did not succeed');
      });
    }

    it('let the payer choose another channel', async () => {
      const url = await payment();
      await press(url, 'Continue', { procid: 'BOG' });
      expect(await page(url)).to.include('&amp;choose">Choose another channel');
      await press(`${url}&choose`, 'Continue', { procid: 'GCSH' });
      expect(titleOf(await page(url))).to.equal('GCash');
    });

    it('return the payer before the postback with returnFirst', async () => {
      const url = await payment();
      sandbox.misbehave({ returnFirst: true, delayMilliseconds: 1_000 });
      await press(url, 'Continue');
      await fetch(await press(url, /^Pay PHP/));
      await merchant.until(2);
      expect(sent()).to.deep.equal(['/return S', '/postback S']);
    });

    it('change nothing if a button is pressed twice, or on a stale page', async () => {
      const url = await payment();
      await press(url, 'Continue');
      const token = new URL(url).searchParams.get('tokenid') ?? '';
      const again = (step: string, procid = 'BOG') => {
        const body = new URLSearchParams({ tokenid: token, step, procid });
        return fetch(`${sandbox.url}/Pay.aspx`, { method: 'POST', body, redirect: 'manual' });
      };
      await Promise.all([again('pay'), again('pay')]);
      for (const step of ['pay', 'fail', 'cancel', 'later']) expect((await again(step)).status).to.equal(303);
      expect((await again('channel', 'BOGX')).status).to.equal(303);
      expect(sent()).to.deep.equal(['/postback S']);
      expect(statusOf('T-1')).to.equal('S');
      for (const [step, procid] of [
        ['unheard', 'BOG'],
        ['channel', 'XXXX'],
      ] as const) {
        expect((await again(step, procid)).status).to.equal(400);
      }
    });

    it('open with a signed request, also repeatedly, and not with another amount', async () => {
      const link = (amount: string, more: Record<string, string> = {}) => {
        const signed = opensslSha1(`BOOKSHOP:T-5:${amount}:PHP:Two books:p@example.com:${secrets.secretKey}`);
        return `/Pay.aspx?${new URLSearchParams({
          merchantid: 'BOOKSHOP',
          txnid: 'T-5',
          amount,
          ccy: 'PHP',
          description: 'Two books',
          email: 'p@example.com',
          digest: signed,
          param1: 'p1',
          ...more,
        })}`;
      };
      const open = await fetch(absolute(link('10.00')), { redirect: 'manual' });
      expect(open.status).to.equal(303);
      expect((await fetch(absolute(link('10.00')), { redirect: 'manual' })).headers.get('location')).to.equal(
        open.headers.get('location'),
      );
      expect(sandbox.payments()[0]).to.include({ txnid: 'T-5', amount: '10.00', email: 'p@example.com', param1: 'p1' });
      const other = await fetch(absolute(link('11.00')));
      expect(other.status).to.equal(400);
      expect(titleOf(await other.text())).to.equal('This payment cannot be opened');
      expect((await fetch(absolute('/Pay.aspx?tokenid=guessed'))).status).to.equal(400);
      const counter = await fetch(absolute(link('10.00', { txnid: 'T-6' })));
      expect(counter.status, 'a digest of another payment').to.equal(400);
    });
  });

  describe('of the control panel', () => {
    it('show the fields, signed texts, answer and duration of a postback', async () => {
      merchant.answer(() => [500, 'error=handler-failed <b>']);
      await payment();
      await sandbox.settle('T-1', 'S');
      const { refno, message, signatures, digest } = merchant.seen[0]?.fields ?? {};
      const markup = unescaped(await page('/postbacks'));
      const whole = `T-1:${refno}:S:${message}`;
      for (const text of [
        ...[`${whole}:BOOKSHOP:::1250.00`, `${whole}:1250.00`, `<pre>${whole}</pre>`],
        ...[signatures, digest, 'settledate', '500 error=handler-failed', `POST ${merchant.url}/postback`],
      ]) {
        expect(markup).to.include(text);
      }
      expect(markup).to.match(/· \d+ ms</);
      expect(markup).to.not.include(secrets.secretKey);
      expect(await page('/postbacks')).to.include('error=handler-failed &#60;b&#62;');
    });

    it('send a postback again', async () => {
      await payment();
      await sandbox.settle('T-1', 'S');
      await press('/postbacks', 'Send again');
      await merchant.until(2);
      expect(merchant.seen[1]?.form).to.equal(merchant.seen[0]?.form);
    });

    it('create payments and payouts, and set any status', async () => {
      const made = await press('/', 'Create payment', { txnid: 'A/1 b', amount: '5.00' });
      expect(made).to.equal('/payments/A%2F1%20b');
      expect(await press(made, 'S success')).to.equal(made);
      await merchant.until(1);
      await press(made, 'R refund');
      await press(made, 'P pending');
      await merchant.until(3);
      const payout = await press('/', 'Create payout', { merchantTxnId: 'O-1', amount: '7.00' });
      await press(payout, 'G in progress');
      await merchant.until(4);
      expect(sent()).to.deep.equal(['/postback S', '/postback R', '/postback P', '/payout G']);
      expect(unescaped(await page('/')))
        .to.include('A/1 b')
        .and.include('O-1')
        .and.include('7.00');
    });

    it('explain what is wrong with a form', async () => {
      const refused = await submit('/', 'Create payment', { txnid: 'T:1' });
      expect(refused.status).to.equal(400);
      expect(unescaped(refused.text)).to.include('txnid must be 1 to 40 printable ASCII characters');
      expect(sandbox.payments()).to.deep.equal([]);
    });

    it('show a refused form again with its values, and the error at its field', async () => {
      await payment();
      const refusals = [
        ['/', 'Create payment', { txnid: 'T-1', amount: '7.00', description: 'A lamp' }, 'txnid', 409],
        ['/', 'Create payment', { txnid: 'T-2', amount: 'a lot', description: 'A lamp' }, 'amount', 400],
        ['/', 'Create payout', { merchantTxnId: 'O-1', amount: 'a lot' }, 'payout-amount', 400],
        ['/misbehaviour', 'Save', { copies: '99', resends: '2' }, 'copies', 400],
        ['/payments/T-1', 'Save', { amount: 'a lot', copies: '2' }, 'amount', 400],
        ['/settings', 'Save', { postbackUrl: 'nowhere', returnUrl: 'http://127.0.0.1:9/' }, 'postbackUrl', 400],
      ] as const;
      for (const [path, button, values, field, expected] of refusals) {
        const { status, text } = await submit(path, button, values);
        expect({ path, field, status }).to.deep.equal({ path, field, status: expected });
        expect(text).to.match(new RegExp(`<input id="${field}"[^>]* aria-describedby="${field}-error">`));
        expect(text).to.match(new RegExp(`role="alert" id="${field}-error">[^<]+<`));
        for (const [name, value] of Object.entries(values)) {
          expect(text, `${path} keeps ${name}`).to.match(new RegExp(`name="${name}" value="${value}"`));
        }
      }
    });

    it('set and reset the misbehaviour for everything and for one payment', async () => {
      await payment();
      const values = { amount: '1.00', resends: '2', resendMilliseconds: '1', contradict: 'F', revokedKey: 'yes' };
      await press('/misbehaviour', 'Save', { copies: '2', ...values });
      const form = await page('/misbehaviour');
      expect(form).to.include('value="1.00"').and.include('name="revokedKey" value="yes" checked');
      expect(form).to.include('<option value="F" selected>');
      await press('/payments/T-1', 'Save', { copies: '3' });
      expect(unescaped(await page('/'))).to.include('The sandbox misbehaves: signs with a revoked key, sends 2 copies');
      await sandbox.settle('T-1', 'S');
      expect(merchant.seen.map(({ fields }) => `${fields.status} ${fields.amount}`)).to.deep.equal([
        ...['S 1.00', 'S 1.00', 'S 1.00', 'F 1.00'],
      ]);
      expect(await page('/misbehaviour')).to.include('href="/payments/T-1"');
      await press('/misbehaviour', 'Reset');
      await press('/payments/T-1', 'Reset');
      await sandbox.settle('T-1', 'R');
      expect(merchant.seen.slice(4).map(({ fields }) => fields.amount)).to.deep.equal(['1250.00']);
    });

    it('register URLs and rotate keys', async () => {
      await press('/settings', 'Save', { postbackUrl: `${merchant.url}/other`, payoutPostbackUrl: '' });
      await payment();
      await sandbox.settle('T-1', 'S');
      expect(sent()).to.deep.equal(['/other S']);
      await press('/settings', 'New key, keep the current one Active');
      await press('/settings', 'New key, revoke the current one');
      const badges = [...(await page('/settings')).matchAll(/<span class="status \w+">(\w+)</g)].map(
        ([, text]) => text,
      );
      expect(badges).to.deep.equal(['Active', 'Revoked', 'Active']);
    });

    it('send an event after each change, and have a script that their policy allows', async () => {
      const answer = await fetch(absolute('/postbacks'));
      const markup = await answer.text();
      const script = /<script>(.*?)<\/script>/s.exec(markup)?.[1] ?? '';
      const style = /<style>(.*?)<\/style>/s.exec(markup)?.[1] ?? '';
      const policy = answer.headers.get('content-security-policy') ?? '';
      const sha256 = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
      expect(policy)
        .to.include(`script-src ${sha256(script)};`)
        .and.include(`style-src ${sha256(style)};`);
      expect(policy).to.include("default-src 'none'").and.include("frame-ancestors 'none'");

      const events = await fetch(absolute('/events'));
      expect(events.headers.get('content-type')).to.equal('text/event-stream');
      const reader = (events.body as ReadableStream<Uint8Array>).getReader();
      let heard = '';
      await payment();
      while (!heard.includes('data: ')) heard += Buffer.from((await reader.read()).value ?? []).toString();
      await reader.cancel();
    });

    it('reload without a script only if that clears no form, or on request', async () => {
      const refresh = '<noscript><meta http-equiv="refresh" content="5"></noscript>';
      await payment();
      expect(await page('/postbacks'))
        .to.include(refresh)
        .and.include('href="?still"');
      expect(await page('/postbacks?still'))
        .to.include('href="?moving"')
        .and.not.include('http-equiv');
      for (const path of ['/', '/payments/T-1']) {
        expect(await page(path), path).to.not.include('http-equiv');
        expect(await page(`${path}?moving`), path).to.include(refresh);
      }
      expect(await page('/misbehaviour'), 'where somebody fills in a form').to.not.include('http-equiv');
    });
  });

  it('escape what they show, and show no secret', async () => {
    const evil = `"><script>alert(1)</script>'`;
    merchant.answer(() => [200, evil]);
    const url = await payment({ txnid: 'T<1>', description: evil, email: evil, param1: evil });
    await sandbox.settle('T<1>', 'S', { message: evil, procid: evil.slice(0, 4) });
    await sandbox.createPayout({ merchantTxnId: 'O<1>', amount: '1.00', description: evil });
    const [txnid, payoutId] = ['T<1>', 'O<1>'].map(encodeURIComponent);
    const paths = ['/', '/postbacks', '/misbehaviour', '/settings', `/payments/${txnid}`, `/payouts/${payoutId}`, url];
    const refusals = [`/Pay.aspx?merchantid=${encodeURIComponent(evil)}`, `/${evil}`, `/payments/${evil}`];
    for (const path of [...paths, ...refusals]) {
      const markup = await (await fetch(absolute(path))).text();
      expect(markup, path).to.include('<h1').and.not.include('<script>alert').and.not.include('<1>');
      for (const secret of Object.values(secrets)) expect(markup, path).to.not.include(secret);
    }
    for (const path of ['payments', 'payouts', 'postbacks', 'misbehaviour', 'keys', 'urls']) {
      const text = await (await fetch(absolute(`/api/sandbox/v1/${path}`))).text();
      for (const secret of Object.values(secrets)) expect(text, path).to.not.include(secret);
    }
  });

  describe('as a JSON API', () => {
    async function api(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
      const answer = await fetch(absolute(`/api/sandbox/v1${path}`), {
        method,
        headers: { 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      return { status: answer.status, body: await answer.json() };
    }

    it('create, settle, list and resend', async () => {
      const made = await api('POST', '/payments', { txnid: 'T/1', amount: '5' });
      expect(made.status).to.equal(201);
      expect(made.body).to.have.all.keys('txnid', 'refno', 'url');
      const settled = await api('POST', '/payments/T%2F1/settle', { status: 'S', message: 'Paid' });
      expect(settled.body).to.have.nested.property('postbacks[0].answer.body', 'result=OK');
      expect(settled.body).to.have.property('returnUrl').that.includes('message=Paid');
      expect((await api('GET', '/payments/T%2F1')).body).to.include({ status: 'S', amount: '5.00' });
      expect((await api('GET', '/payments')).body).to.have.length(1);
      expect((await api('POST', '/postbacks/1/resend')).body).to.include({ cause: 'by-hand', acknowledged: true });
      expect((await api('GET', '/postbacks')).body).to.have.length(2);
      expect((await api('POST', '/payouts', { merchantTxnId: 'O-1', amount: '5' })).status).to.equal(201);
      await api('POST', '/payouts/O-1/settle', { status: 'S' });
      expect((await api('GET', '/payouts/O-1')).body).to.include({ status: 'S' });
      expect((await api('GET', '/payouts')).body).to.have.length(1);
      expect(sent()).to.deep.equal(['/postback S', '/postback S', '/payout S']);
    });

    it('set the misbehaviour, rotate keys and register URLs', async () => {
      expect((await api('PUT', '/misbehaviour', { drop: true })).body).to.deep.equal({ drop: true });
      expect((await api('PUT', '/misbehaviour/T%2F1', { copies: 2 })).body).to.deep.equal({ copies: 2 });
      expect((await api('GET', '/misbehaviour')).body).to.deep.equal({ drop: true });
      expect((await api('GET', '/misbehaviour/T%2F1')).body).to.deep.equal({ copies: 2 });
      expect((await api('POST', '/keys/rotate', { previous: 'Active' })).body).to.have.length(2);
      expect((await api('GET', '/keys')).body).to.have.length(2);
      expect((await api('PUT', '/urls', { returnUrl: 'http://127.0.0.1:9/' })).body).to.deep.equal({
        postbackUrl: `${merchant.url}/postback`,
        returnUrl: 'http://127.0.0.1:9/',
        payoutPostbackUrl: `${merchant.url}/payout`,
      });
      expect((await api('GET', '/urls')).body).to.include({ returnUrl: 'http://127.0.0.1:9/' });
    });

    for (const [method, path, body, status, code] of [
      ['POST', '/payments', { txnid: 'T:1', amount: '5' }, 400, 'invalid-details'],
      ['POST', '/payments', { txnid: 'T-1', amount: 5 }, 400, 'invalid-details'],
      ['POST', '/payments', [], 400, 'invalid-details'],
      ['GET', '/payments/T-9', undefined, 404, 'not-found'],
      ['POST', '/payments/T-9/settle', { status: 'S' }, 404, 'not-found'],
      ['GET', '/payouts/O-9', undefined, 404, 'not-found'],
      ['POST', '/postbacks/9/resend', undefined, 404, 'not-found'],
      ['PUT', '/misbehaviour', { copies: 0 }, 400, 'invalid-setting'],
      ['POST', '/keys/rotate', { previous: 'Gone' }, 400, 'invalid-setting'],
      ['PUT', '/urls', { postbackUrl: 7 }, 400, 'invalid-setting'],
      ['DELETE', '/payments', undefined, 405, 'method-not-allowed'],
      ['GET', '/payments/%zz', undefined, 404, 'not-found'],
      ['POST', '/payments', { description: 'x'.repeat(70_000) }, 413, 'body-too-large'],
    ] as const) {
      it(`answer ${status} to ${method} ${path} ${JSON.stringify(body)?.slice(0, 40) ?? ''}`, async () => {
        const answer = await api(method, path, body);
        expect({ status: answer.status, code: (answer.body as { code: string }).code }).to.deep.equal({ status, code });
      });
    }

    it('answer 400 to a status that is missing or not a string', async () => {
      await payment();
      expect((await api('POST', '/payments/T-1/settle')).status).to.equal(400);
      expect((await api('POST', '/payments/T-1/settle', { status: 7 })).status).to.equal(400);
      for (const wrong of [{ message: 7 }, { procid: {} }]) {
        expect((await api('POST', '/payments/T-1/settle', { status: 'S', ...wrong })).status).to.equal(400);
      }
      expect(statusOf('T-1')).to.equal('P');
    });
  });

  describe('behind the guard', () => {
    function ask(path: string, method: string, headers: Record<string, string>, body = ''): Promise<number> {
      const { hostname, port } = new URL(sandbox.url);
      return new Promise((resolve, reject) => {
        const sentRequest = httpRequest({ hostname, port, path, method, headers }, (response) => {
          response.resume().on('end', () => resolve(response.statusCode ?? 0));
        });
        sentRequest.on('error', reject).end(body);
      });
    }
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const json = { 'content-type': 'application/json' };
    const create = 'txnid=EVIL&amount=1.00';

    it('refuse a foreign name in Host, as with DNS rebinding', async () => {
      for (const host of ['evil.example', 'evil.example:80', 'localhost.evil.example', '127.0.0.1.evil.example']) {
        for (const path of [
          '/',
          '/postbacks',
          '/api/sandbox/v1/postbacks',
          '/api/collect/v1/keys/callback',
          '/events',
        ]) {
          expect(await ask(path, 'GET', { host }), `${host} ${path}`).to.equal(403);
        }
      }
      const { port } = new URL(sandbox.url);
      for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`, 'LOCALHOST']) {
        expect(await ask('/', 'GET', { host }), host).to.equal(200);
      }
    });

    it('refuse forms and calls of pages of other sites', async () => {
      const own = sandbox.url;
      const foreign: Array<Record<string, string>> = [
        { origin: 'https://evil.example' },
        { origin: 'null' },
        { origin: own.replace(/\d+$/, '1') },
        { origin: own, 'sec-fetch-site': 'cross-site' },
        { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'navigate' },
      ];
      for (const headers of foreign) {
        const said = JSON.stringify(headers);
        expect(await ask('/payments', 'POST', { ...form, ...headers }, create), said).to.equal(403);
        const body = JSON.stringify({ txnid: 'EVIL', amount: '1.00' });
        expect(await ask('/api/sandbox/v1/payments', 'POST', { ...json, ...headers }, body), said).to.equal(403);
        expect(await ask('/api/sandbox/v1/keys/rotate', 'POST', headers), said).to.equal(403);
      }
      expect(sandbox.payments()).to.deep.equal([]);
      const read = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' };
      expect(await ask('/api/sandbox/v1/postbacks', 'GET', read)).to.equal(403);
      expect(await ask('/events', 'GET', read)).to.equal(403);
      expect(await ask('/api/collect/v1/void/T-1', 'GET', { ...read, 'sec-fetch-mode': 'navigate' })).to.equal(403);
      const plain = { 'content-type': 'text/plain' };
      expect(await ask('/api/sandbox/v1/payments', 'POST', plain, '{"txnid":"EVIL","amount":"1.00"}')).to.equal(415);
    });

    it('accept links of shops, their own forms, and programs', async () => {
      const url = new URL(await payment());
      const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
      expect(await ask(`${url.pathname}${url.search}`, 'GET', link)).to.equal(200);
      const own = { ...form, origin: sandbox.url, 'sec-fetch-site': 'same-origin' };
      expect(await ask('/payments', 'POST', own, create)).to.equal(303);
      expect(await ask('/payouts', 'POST', form, 'merchantTxnId=O-1&amount=1')).to.equal(303);
    });

    it('answer 405 to other methods, and HEAD like GET', async () => {
      expect(await ask('/', 'DELETE', {})).to.equal(405);
      expect(await ask('/', 'HEAD', {})).to.equal(200);
      expect(await ask('/events', 'HEAD', {})).to.equal(200);
      expect(await ask('/nothing', 'GET', {})).to.equal(404);
    });
  });

  describe('and the API for merchants', () => {
    const basic = { authorization: `Basic ${Buffer.from(`BOOKSHOP:${secrets.apiKey}`).toString('base64')}` };
    const bearer = { authorization: `Bearer ${secrets.apiKey}` };

    async function post(path: string, headers: Record<string, string>, body: string): Promise<[number, unknown]> {
      const answer = await fetch(absolute(path), { method: 'POST', headers, body });
      return [answer.status, await answer.json()];
    }

    it('refuse a malformed payment with status F, code 111 and no Url', async () => {
      for (const body of ['{}', 'no json', '[]', '{"Amount":"-1"}', '{"Amount":"1.00","Currency":"PESOS"}']) {
        const [status, answer] = await post('/api/collect/v1/T-1/post', basic, body);
        expect(status, body).to.equal(400);
        expect(answer, body).to.include({ RefNo: '', Status: 'F', Url: '' });
        expect(answer)
          .to.have.property('Message')
          .that.matches(body.includes('PESOS') ? /^\[106\]/ : /^\[111\]/);
      }
      expect(sandbox.payments()).to.deep.equal([]);
      expect((await post('/api/collect/v1/T-1/post', basic, '{"amount":1250.5,"procid":"BPI"}'))[0]).to.equal(200);
      expect(sandbox.payments()[0]).to.include({ amount: '1250.50', procid: 'BPI' });
      expect((await post('/api/collect/v1/T-1/post', basic, '{"Amount":"1.00"}'))[0], 'once more').to.equal(400);
    });

    it('accept payouts with the API key as a bearer token', async () => {
      const body = JSON.stringify({ TxnId: 'O-1', FirstName: 'Ana', LastName: 'Cruz', Amount: '5.00', ProcId: 'BDO' });
      const [status, answer] = await post('/api/payout/merchant/v1/BOOKSHOP/post', bearer, body);
      expect(status).to.equal(200);
      const [payout] = sandbox.payouts();
      expect(answer).to.deep.equal({ Code: 0, Message: payout?.refno });
      expect(payout).to.include({ merchantTxnId: 'O-1', userName: 'Ana Cruz', procid: 'BDO', amount: '5.00' });
      await sandbox.settlePayout('O-1', 'S');
      const asked = await fetch(absolute('/api/payout/merchant/v1/BOOKSHOP/O-1'), { headers: bearer });
      expect(await asked.json()).to.include({ RefNo: payout?.refno, TxnId: 'O-1', Amount: 5, Status: 'S' });
      const unknown = await fetch(absolute('/api/payout/merchant/v1/BOOKSHOP/O-9'), { headers: bearer });
      expect(unknown.status).to.equal(404);
      expect((await post('/api/payout/merchant/v1/BOOKSHOP/post', bearer, '{"TxnId":"O-2"}'))[0]).to.equal(400);
      for (const [merchantId, headers] of [
        ['OTHER', bearer],
        ['BOOKSHOP', {}],
        ['BOOKSHOP', { authorization: 'Bearer wrong' }],
      ] as const) {
        expect((await post(`/api/payout/merchant/v1/${merchantId}/post`, { ...headers }, body))[0]).to.equal(401);
      }
    });
  });
});
