import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { screens } from '../support/browser.js';
import { describeShop } from '../support/describe-shop.js';
import { beginPayment, choose, headingOf, press } from '../support/journey.js';

const thanks = 'Thank you, your payment has arrived';
const waiting = 'We are waiting for your payment';
const failed = 'Your payment failed';
const cancelled = 'You cancelled the payment';

// The long form is in journey.long.test.ts.
describeShop('Demo shop in a browser', (on) => {
  for (const channel of ['Bogus Bank Online', 'GCash']) {
    it(`shop receives a payment through ${channel}`, async () => {
      const txnid = await beginPayment(on.page, on.shop.url, 'Barako coffee');
      await on.listSays(txnid, 'pending', 'open');
      await choose(on.page, channel);
      await press(on.page, /^Pay PHP 320\.00/);
      expect(await headingOf(on.page)).to.equal(thanks);
      expect(on.page.url(), 'the address has no proof').to.equal(`${on.shop.url}/payments/${txnid}`);
      await on.listSays(txnid, 'paid', 'paid');
      const { paidAt: _, ...stored } = await on.storedOf(txnid);
      expect(stored).to.deep.equal({ status: 'S', isPaid: true, events: ['S applied 1 rsa'] });
    });
  }

  it('return page of a counter payment changes when the money arrives', async () => {
    const txnid = await beginPayment(on.page, on.shop.url, 'Enamel mug');
    await choose(on.page, 'Bogus Bank branch');
    expect(await headingOf(on.page)).to.equal('Pay at a Bogus Bank branch');
    const counter = await on.page.context().newPage();
    await counter.goto(on.page.url());
    await on.page.getByRole('link', { name: 'Return to KAPE' }).click();
    expect(await headingOf(on.page)).to.equal(waiting);
    const steps = (await on.page.locator('.steps').textContent()) ?? '';
    const [, refno = '?'] = /Reference number\s*(\S+)/.exec((await on.page.getByRole('main').innerText()) ?? '') ?? [];
    expect(steps, 'where, by which number and until when to pay')
      .to.include('Pay PHP 249.00 at any Bogus Bank branch')
      .and.include(`reference number: ${refno}`)
      .and.match(/We keep your order until \w+ \d+, 20\d\d\./);
    await on.listSays(txnid, 'pending', 'open');
    await press(counter, 'The payment arrives at the counter');
    expect(await headingOf(counter)).to.equal('Payment successful');
    await on.page.getByRole('heading', { name: thanks }).waitFor();
    expect(await on.page.title()).to.include(thanks);
    expect(await on.page.getByRole('status').textContent(), 'a screen reader says so').to.equal(thanks);
    await on.listSays(txnid, 'paid', 'paid');
    expect((await on.storedOf(txnid)).events).to.deep.equal(['P applied 1 rsa', 'S applied 1 rsa']);
  });

  const endings: [what: string, channel: string | undefined, button: string, heading: string, row: string][] = [
    ['canceled before a channel is chosen', undefined, 'Cancel', cancelled, 'cancelled'],
    ['canceled at the bank', 'BPI Online', 'Cancel', cancelled, 'cancelled'],
    ['failed at the bank', 'BPI Online', 'Fail the payment', failed, 'failed'],
    ['put off until later', 'GCash', 'Pay later', waiting, 'pending'],
  ];
  for (const [what, channel, button, heading, row] of endings) {
    it(`payment ${what} leaves the order open`, async () => {
      const txnid = await beginPayment(on.page, on.shop.url, 'Abacá notebook');
      if (channel !== undefined) await choose(on.page, channel);
      await press(on.page, button);
      expect(await headingOf(on.page)).to.equal(heading);
      await on.listSays(txnid, row, 'open');
      expect((await on.storedOf(txnid)).isPaid).to.equal(false);
    });
  }

  it('shop shows each form error at its field and keeps the input', async () => {
    await on.page.goto(on.shop.url);
    await on.page.evaluate('document.forms[0].noValidate = true');
    await on.page.getByRole('radio', { name: /^Enamel mug/ }).check();
    const email = on.page.getByRole('textbox', { name: 'Email' });
    await email.fill('juan');
    await press(on.page, 'Pay with Dragonpay');
    await on.page.getByRole('alert').waitFor();
    expect(await email.inputValue()).to.equal('juan');
    expect(await on.page.getByRole('radio', { name: /^Enamel mug/ }).isChecked()).to.equal(true);
    const error = on.page.locator(`#${await email.getAttribute('aria-describedby')}`);
    expect(await error.textContent()).to.match(/^Please enter an email address/);
  });

  it('pages show the payer no status letter and break no policy of their own', async () => {
    const broken: string[] = [];
    on.page.on('console', (message) => {
      if (/Content Security Policy/.test(message.text())) broken.push(message.text());
    });
    await beginPayment(on.page, on.shop.url, 'Enamel mug');
    await choose(on.page, 'GCash');
    await press(on.page, 'Pay later');
    expect(await on.page.locator('.status').allTextContents()).to.deep.equal(['pending']);
    await on.page.goto(on.shop.url);
    expect((await on.page.locator('.status').allTextContents()).filter((text) => /^[A-Z]/.test(text))).to.deep.equal(
      [],
    );
    expect(broken).to.deep.equal([]);
  });

  it('shop works without JavaScript, on a phone', async () => {
    const phone = await on.openPage({ javaScriptEnabled: false, viewport: screens.phone });
    const txnid = await beginPayment(phone, on.shop.url, 'Enamel mug');
    await choose(phone, 'GCash');
    await press(phone, /^Pay PHP/);
    expect(await headingOf(phone)).to.equal(thanks);
    await phone.getByRole('link', { name: 'Back to the shop' }).click();
    await phone.getByRole('row').filter({ hasText: txnid }).filter({ hasText: 'paid' }).waitFor();
    expect(
      await phone.getByText('updates itself').isVisible(),
      'without a script the list does not update itself',
    ).to.equal(false);
    await phone.context().close();
  });

  it('shop refuses the forged callback of the command on its page', async () => {
    const command = await on.list.getByLabel('Command that sends a forged callback').textContent();
    const { stdout } = await promisify(execFile)('sh', ['-c', command ?? '']);
    expect(stdout).to.match(/^HTTP\/1\.1 400 .*\r\n\r\nerror=proof-mismatch$/s);
    expect(await (await fetch(`${on.shop.url}/transactions/T-1`)).status).to.equal(404);
  });
});
