import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser, screens } from '../support/browser.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { beginPayment, choose, headingOf, misbehave, press, type Wrongs } from '../support/journey.js';
import { freePorts, killShops, makeDataFolder, type ShopProcess, startShop } from '../support/shop-process.js';

const thanks = 'Thank you, your payment has arrived';
const waiting = 'We are waiting for your payment';
const failed = 'Your payment failed';
const cancelled = 'You cancelled the payment';

describe('Demo shop in a browser', function () {
  // The browser may run on a busy machine.
  this.timeout(120_000);
  this.slow(10_000);
  let browser: Browser | undefined;
  let database: TestDatabase;
  let dataFolder: string;
  let shop: ShopProcess;
  /** The page of the payer. */
  let page: Page;
  /** The shop's list of orders. It is opened once and never reloaded. */
  let list: Page;

  before(async function () {
    browser = await launchBrowser();
    if (browser === undefined) return this.skip();
    database = await createTestDatabase();
    dataFolder = await makeDataFolder();
    shop = await startShop({ DATABASE_URL: database.url, SHOP_DATA: dataFolder, PORT: await freePorts() });
    list = await openPage();
    await list.goto(shop.url);
    await list.evaluate('window.isTheSame = true');
  });
  beforeEach(async () => {
    page = await openPage();
  });
  afterEach(() => page?.context().close());
  after(async () => {
    await browser?.close();
    await killShops();
    await database?.destroy();
    if (dataFolder !== undefined) await rm(dataFolder, { recursive: true, force: true });
  });

  async function openPage(options: { javaScriptEnabled?: boolean; viewport?: typeof screens.phone } = {}) {
    const context = await (browser as Browser).newContext(options);
    context.setDefaultTimeout(20_000);
    return context.newPage();
  }

  /** Waits until the list of orders shows these statuses. The list must not have been reloaded. */
  async function listSays(txnid: string, payment: string, order: 'open' | 'paid'): Promise<void> {
    const row = list.getByRole('row').filter({ hasText: txnid });
    await row.filter({ hasText: payment }).filter({ hasText: order }).waitFor();
    expect(await list.evaluate('window.isTheSame'), 'the list was not loaded again').to.equal(true);
  }

  /** The stored status of a payment and its callbacks, oldest first. */
  async function storedOf(txnid: string) {
    const row = (await (await fetch(`${shop.url}/transactions/${txnid}`)).json()) as {
      status: string;
      paidAt: string | null;
      callbacks: { status: string; outcome: string; deliveries: number; proof: string; firstSeen: string }[];
    };
    const callbacks = row.callbacks.toSorted((one, other) => one.firstSeen.localeCompare(other.firstSeen));
    const events = callbacks.map((event) => `${event.status} ${event.outcome} ${event.deliveries} ${event.proof}`);
    return { status: row.status, isPaid: row.paidAt !== null, paidAt: row.paidAt, events };
  }

  for (const channel of ['Bogus Bank Online', 'GCash']) {
    it(`shop receives a payment through ${channel}`, async () => {
      const txnid = await beginPayment(page, shop.url, 'Barako coffee');
      await listSays(txnid, 'pending', 'open');
      await choose(page, channel);
      await press(page, /^Pay PHP 320\.00/);
      expect(await headingOf(page)).to.equal(thanks);
      expect(page.url(), 'the address has no proof').to.equal(`${shop.url}/payments/${txnid}`);
      await listSays(txnid, 'paid', 'paid');
      const { paidAt: _, ...stored } = await storedOf(txnid);
      expect(stored).to.deep.equal({ status: 'S', isPaid: true, events: ['S applied 1 rsa'] });
    });
  }

  it('return page of a counter payment changes when the money arrives', async () => {
    const txnid = await beginPayment(page, shop.url, 'Enamel mug');
    await choose(page, 'Bogus Bank branch');
    expect(await headingOf(page)).to.equal('Pay at a Bogus Bank branch');
    const counter = await page.context().newPage();
    await counter.goto(page.url());
    await page.getByRole('link', { name: 'Return to KAPE' }).click();
    expect(await headingOf(page)).to.equal(waiting);
    const steps = (await page.locator('.steps').textContent()) ?? '';
    const [, refno = '?'] = /Reference number\s*(\S+)/.exec((await page.getByRole('main').innerText()) ?? '') ?? [];
    expect(steps, 'where, by which number and until when to pay')
      .to.include('Pay PHP 249.00 at any Bogus Bank branch')
      .and.include(`reference number: ${refno}`)
      .and.match(/We keep your order until \w+ \d+, 20\d\d\./);
    await listSays(txnid, 'pending', 'open');
    await press(counter, 'The payment arrives at the counter');
    expect(await headingOf(counter)).to.equal('Payment successful');
    await page.getByRole('heading', { name: thanks }).waitFor();
    expect(await page.title()).to.include(thanks);
    expect(await page.getByRole('status').textContent(), 'a screen reader says so').to.equal(thanks);
    await listSays(txnid, 'paid', 'paid');
    expect((await storedOf(txnid)).events).to.deep.equal(['P applied 1 rsa', 'S applied 1 rsa']);
  });

  it('shop accepts a payment after the sandbox rotated its key', async () => {
    await page.goto(`${shop.sandboxUrl}/settings`);
    await press(page, 'New key, revoke the current one');
    const txnid = await beginPayment(page, shop.url, 'Enamel mug');
    await choose(page, 'BPI Online');
    await press(page, /^Pay PHP/);
    expect(await headingOf(page)).to.equal(thanks);
    await listSays(txnid, 'paid', 'paid');
  });

  const endings: [what: string, channel: string | undefined, button: string, heading: string, row: string][] = [
    ['canceled before a channel is chosen', undefined, 'Cancel', cancelled, 'cancelled'],
    ['canceled at the bank', 'BPI Online', 'Cancel', cancelled, 'cancelled'],
    ['failed at the bank', 'BPI Online', 'Fail the payment', failed, 'failed'],
    ['put off until later', 'GCash', 'Pay later', waiting, 'pending'],
  ];
  for (const [what, channel, button, heading, row] of endings) {
    it(`payment ${what} leaves the order open`, async () => {
      const txnid = await beginPayment(page, shop.url, 'Abacá notebook');
      if (channel !== undefined) await choose(page, channel);
      await press(page, button);
      expect(await headingOf(page)).to.equal(heading);
      await listSays(txnid, row, 'open');
      expect((await storedOf(txnid)).isPaid).to.equal(false);
    });
  }

  it('pending order can be paid later from its page', async () => {
    const txnid = await beginPayment(page, shop.url, 'Enamel mug');
    await choose(page, 'GCash');
    await press(page, 'Pay later');
    await page.getByRole('link', { name: 'Continue to pay' }).click();
    await press(page, /^Pay PHP 249\.00/);
    expect(await headingOf(page)).to.equal(thanks);
    await listSays(txnid, 'paid', 'paid');
  });

  it('shop shows each form error at its field and keeps the input', async () => {
    await page.goto(shop.url);
    await page.evaluate('document.forms[0].noValidate = true');
    await page.getByRole('radio', { name: /^Enamel mug/ }).check();
    const email = page.getByRole('textbox', { name: 'Email' });
    await email.fill('juan');
    await press(page, 'Pay with Dragonpay');
    await page.getByRole('alert').waitFor();
    expect(await email.inputValue()).to.equal('juan');
    expect(await page.getByRole('radio', { name: /^Enamel mug/ }).isChecked()).to.equal(true);
    const error = page.locator(`#${await email.getAttribute('aria-describedby')}`);
    expect(await error.textContent()).to.match(/^Please enter an email address/);
  });

  it('pages show the payer no status letter and break no policy of their own', async () => {
    const broken: string[] = [];
    page.on('console', (message) => {
      if (/Content Security Policy/.test(message.text())) broken.push(message.text());
    });
    await beginPayment(page, shop.url, 'Enamel mug');
    await choose(page, 'GCash');
    await press(page, 'Pay later');
    expect(await page.locator('.status').allTextContents()).to.deep.equal(['pending']);
    await page.goto(shop.url);
    expect((await page.locator('.status').allTextContents()).filter((text) => /^[A-Z]/.test(text))).to.deep.equal([]);
    expect(broken).to.deep.equal([]);
  });

  it('payment that never arrives at the counter becomes void', async () => {
    const txnid = await beginPayment(page, shop.url, 'Enamel mug');
    await choose(page, 'BDO branch');
    await press(page, 'Void the payment');
    await listSays(txnid, 'void', 'open');
  });

  it('shop works without JavaScript, on a phone', async () => {
    const phone = await openPage({ javaScriptEnabled: false, viewport: screens.phone });
    const txnid = await beginPayment(phone, shop.url, 'Enamel mug');
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

  it('shop works by keyboard alone', async () => {
    await page.goto(shop.url);
    await page.getByRole('radio', { name: /^Barako coffee/ }).focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Choose how to pay' }).waitFor();
    await page.getByText('Abacá notebook').waitFor();
    await page.getByRole('radio', { name: /^Bogus Bank Online/ }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: /^Pay PHP/ }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: thanks }).waitFor();
  });

  it('list of orders keeps the focus while it changes', async () => {
    const txnid = await beginPayment(page, shop.url, 'Enamel mug');
    await list.getByRole('link', { name: txnid }).focus();
    const next = await beginPayment(page, shop.url, 'Enamel mug');
    await listSays(next, 'pending', 'open');
    expect(await list.evaluate('document.activeElement.textContent')).to.equal(txnid);
  });

  describe('with a misbehaving sandbox', () => {
    /** Configures the sandbox to misbehave, then pays at the bank. */
    async function pay(wrongs: Wrongs): Promise<string> {
      const txnid = await beginPayment(page, shop.url, 'Barako coffee');
      const paymentPage = page.url();
      await misbehave(page, shop.sandboxUrl, txnid, wrongs);
      await page.goto(paymentPage);
      await choose(page, 'Bogus Bank Online');
      await press(page, /^Pay PHP/);
      return txnid;
    }

    /** Waits until these events are stored. */
    async function eventsOf(txnid: string, ...expected: string[]): Promise<void> {
      const end = Date.now() + 15_000;
      let { events } = await storedOf(txnid);
      while (events.join() !== expected.join() && Date.now() < end) {
        await sleep(100);
        ({ events } = await storedOf(txnid));
      }
      expect(events).to.deep.equal(expected);
    }

    it('return page waits when the payer returns before the postback', async () => {
      const txnid = await pay({ check: 'Return first', fill: ['Delay', '2000'] });
      expect(await headingOf(page)).to.equal(waiting);
      await listSays(txnid, 'pending', 'open');
      await page.getByRole('heading', { name: thanks }).waitFor();
      await listSays(txnid, 'paid', 'paid');
      await eventsOf(txnid, 'S applied 1 rsa');
    });

    it('order is paid once by five concurrent postbacks and one resent from the log', async () => {
      const log = await page.context().newPage();
      await log.goto(`${shop.sandboxUrl}/postbacks`);
      const txnid = await pay({ fill: ['Copies', '5'] });
      expect(await headingOf(page)).to.equal(thanks);
      await eventsOf(txnid, 'S applied 5 rsa');
      const { paidAt } = await storedOf(txnid);
      const entries = log.getByRole('listitem').filter({ hasText: txnid });
      await entries.nth(4).waitFor();
      await entries.first().locator('summary').click();
      await entries.first().getByText('result=OK').first().waitFor();
      await entries.first().getByRole('button', { name: 'Send again' }).click();
      await eventsOf(txnid, 'S applied 6 rsa');
      expect((await storedOf(txnid)).paidAt).to.equal(paidAt);
    });

    it('shop asks Dragonpay about a payment whose postback never arrives', async () => {
      const txnid = await pay({ check: 'Drop the postback' });
      expect(await headingOf(page)).to.equal(waiting);
      await page.goto(`${shop.url}/orders/${txnid}`);
      await page.getByText('None yet.').waitFor();
      await press(page, 'Ask Dragonpay');
      expect(await headingOf(page)).to.equal(thanks);
      await page.getByText('Dragonpay reported a new status.').waitFor();
      await press(page, 'Ask Dragonpay');
      await page.getByText('Dragonpay reported no change.').waitFor();
      await listSays(txnid, 'paid', 'paid');
      await eventsOf(txnid, 'S applied 2 inquiry');
    });

    it('shop ignores another amount and shows the reason', async () => {
      const txnid = await pay({ fill: ['Wrong amount', '1.00'] });
      expect(await headingOf(page)).to.equal(waiting);
      await page.goto(`${shop.url}/orders/${txnid}`);
      await page.getByText('check: amount').waitFor();
      await listSays(txnid, 'pending', 'open');
      await eventsOf(txnid, 'S mismatch 1 rsa');
    });

    it('order stays paid when a later postback says that it failed', async () => {
      const txnid = await pay({ select: ['Contradict later', 'F'] });
      expect(await headingOf(page)).to.equal(thanks);
      await eventsOf(txnid, 'S applied 1 rsa', 'F stale 1 rsa');
      await listSays(txnid, 'paid', 'paid');
    });

    it('shop refuses a callback signed with a revoked key', async () => {
      const txnid = await pay({ check: 'Sign with a revoked key' });
      // The callback may be older than the revocation, so it counts as not verified instead of forged.
      expect(await headingOf(page)).to.equal('We cannot check your payment now');
      await listSays(txnid, 'pending', 'open');
      await eventsOf(txnid);
    });
  });

  it('shop refuses the forged callback of the command on its page', async () => {
    const command = await list.getByLabel('Command that sends a forged callback').textContent();
    const { stdout } = await promisify(execFile)('sh', ['-c', command ?? '']);
    expect(stdout).to.match(/^HTTP\/1\.1 400 .*\r\n\r\nerror=proof-mismatch$/s);
    expect(await (await fetch(`${shop.url}/transactions/T-1`)).status).to.equal(404);
  });

  it('shop keeps its orders after a restart and fetches the new keys', async () => {
    const before = await beginPayment(page, shop.url, 'Enamel mug');
    expect((await shop.stop()).stderr).to.equal('');
    shop = await startShop({ DATABASE_URL: database.url, SHOP_DATA: dataFolder, PORT: new URL(shop.url).port });
    const txnid = await beginPayment(page, shop.url, 'Barako coffee');
    await choose(page, 'Bogus Bank Online');
    await press(page, /^Pay PHP/);
    expect(await headingOf(page)).to.equal(thanks);
    await listSays(txnid, 'paid', 'paid');
    await listSays(before, 'pending', 'open');
  });
});
