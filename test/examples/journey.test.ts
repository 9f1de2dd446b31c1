import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import { startSandbox } from '../../src/sandbox.js';
import { expectAccessible, launchBrowser, screens } from '../support/browser.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { beginPayment, choose, headingOf, misbehave, press, type Wrongs } from '../support/journey.js';
import { killShops, makeDataFolder, type ShopProcess, startShop } from '../support/shop-process.js';

const thanks = 'Thank you, your payment has arrived';
const waiting = 'We are waiting for your payment';
const failed = 'Your payment did not succeed';

describe('the journey through the demo', function () {
  // A browser, on machines that may do other things too.
  this.timeout(120_000);
  this.slow(10_000);
  let browser: Browser | undefined;
  let database: TestDatabase;
  let dataFolder: string;
  let shop: ShopProcess;
  /** The payer's. */
  let page: Page;
  /** The shopkeeper's: it is opened once and only looked at. */
  let list: Page;

  before(async function () {
    browser = await launchBrowser();
    if (browser === undefined) return this.skip();
    database = await createTestDatabase();
    dataFolder = await makeDataFolder();
    shop = await startShop({ DATABASE_URL: database.url, SHOP_DATA: dataFolder });
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

  /** Waits until the shop's list, which nobody loads again, says so of an order. */
  async function listSays(txnid: string, payment: string, order: 'open' | 'paid'): Promise<void> {
    const row = list.getByRole('row').filter({ hasText: txnid });
    await row.filter({ hasText: payment }).filter({ hasText: order }).waitFor();
    expect(await list.evaluate('window.isTheSame'), 'the list was not loaded again').to.equal(true);
  }

  /** What the shop has stored: the statuses of a payment, and what came for it, oldest first. */
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
    it(`pays through ${channel}`, async () => {
      const txnid = await beginPayment(page, shop.url, 'Barako coffee');
      await listSays(txnid, 'pending', 'open');
      await choose(page, channel);
      await press(page, /^Pay PHP 320\.00/);
      expect(await headingOf(page)).to.equal(thanks);
      expect(page.url().startsWith(`${shop.url}/dragonpay/callback?`)).to.equal(true);
      await listSays(txnid, 'paid', 'paid');
      const { paidAt: _, ...stored } = await storedOf(txnid);
      expect(stored).to.deep.equal({ status: 'S', isPaid: true, events: ['S applied 1 rsa'] });
    });
  }

  it('pays over the counter: the payer returns first, and the page changes when the money comes', async () => {
    const txnid = await beginPayment(page, shop.url, 'Enamel mug');
    await choose(page, 'Bogus Bank branch');
    expect(await headingOf(page)).to.equal('Pay at a Bogus Bank branch');
    const counter = await page.context().newPage();
    await counter.goto(page.url());
    await page.getByRole('link', { name: 'Return to KAPE' }).click();
    expect(await headingOf(page)).to.equal(waiting);
    await listSays(txnid, 'pending', 'open');
    await press(counter, 'The payment arrives at the counter');
    expect(await headingOf(counter)).to.equal('Payment successful');
    await page.getByRole('heading', { name: thanks }).waitFor();
    expect(await page.title()).to.include(thanks);
    expect(await page.getByRole('status').textContent(), 'a screen reader says so').to.equal(thanks);
    await listSays(txnid, 'paid', 'paid');
    expect((await storedOf(txnid)).events).to.deep.equal(['P applied 1 rsa', 'S applied 1 rsa']);
  });

  it('pays after the sandbox has a new key', async () => {
    await page.goto(`${shop.sandboxUrl}/settings`);
    await press(page, 'New key, revoke the old one');
    const txnid = await beginPayment(page, shop.url, 'Enamel mug');
    await choose(page, 'BPI Online');
    await press(page, /^Pay PHP/);
    expect(await headingOf(page)).to.equal(thanks);
    await listSays(txnid, 'paid', 'paid');
  });

  const endings: [what: string, channel: string | undefined, button: string, heading: string, row: string][] = [
    ['cancels before a channel is chosen', undefined, 'Cancel', failed, 'failed'],
    ['cancels at the bank', 'BPI Online', 'Cancel', failed, 'failed'],
    ['fails at the bank', 'BPI Online', 'Let it fail', failed, 'failed'],
    ['pays later', 'GCash', 'Pay later', waiting, 'pending'],
  ];
  for (const [what, channel, button, heading, row] of endings) {
    it(what, async () => {
      const txnid = await beginPayment(page, shop.url, 'Abacá notebook');
      if (channel !== undefined) await choose(page, channel);
      await press(page, button);
      expect(await headingOf(page)).to.equal(heading);
      await listSays(txnid, row, 'open');
      expect((await storedOf(txnid)).isPaid).to.equal(false);
    });
  }

  it('never comes back from the counter', async () => {
    const txnid = await beginPayment(page, shop.url, 'Enamel mug');
    await choose(page, 'BDO branch');
    await press(page, 'Nobody comes');
    await listSays(txnid, 'void', 'open');
  });

  it('goes without JavaScript, on a phone', async () => {
    const phone = await openPage({ javaScriptEnabled: false, viewport: screens.phone });
    const txnid = await beginPayment(phone, shop.url, 'Enamel mug');
    await choose(phone, 'GCash');
    await press(phone, /^Pay PHP/);
    expect(await headingOf(phone)).to.equal(thanks);
    await phone.getByRole('link', { name: 'Back to the shop' }).click();
    await phone.getByRole('row').filter({ hasText: txnid }).filter({ hasText: 'paid' }).waitFor();
    expect(await phone.getByText('changes by itself').isVisible(), 'nothing that is not so is said').to.equal(false);
    await phone.context().close();
  });

  it('goes by keyboard alone', async () => {
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

  it('keeps the focus in the list where it is while the list changes', async () => {
    const txnid = await beginPayment(page, shop.url, 'Enamel mug');
    await list.getByRole('link', { name: txnid }).focus();
    const next = await beginPayment(page, shop.url, 'Enamel mug');
    await listSays(next, 'pending', 'open');
    expect(await list.evaluate('document.activeElement.textContent')).to.equal(txnid);
  });

  describe('when the sandbox misbehaves', () => {
    /** Pays at the bank after the sandbox was told what to do wrong. */
    async function pay(wrongs: Wrongs): Promise<string> {
      const txnid = await beginPayment(page, shop.url, 'Barako coffee');
      const paymentPage = page.url();
      await misbehave(page, shop.sandboxUrl, txnid, wrongs);
      await page.goto(paymentPage);
      await choose(page, 'Bogus Bank Online');
      await press(page, /^Pay PHP/);
      return txnid;
    }

    /** Waits until so many deliveries of an event have been stored. */
    async function eventsOf(txnid: string, ...expected: string[]): Promise<void> {
      const end = Date.now() + 15_000;
      let { events } = await storedOf(txnid);
      while (events.join() !== expected.join() && Date.now() < end) {
        await sleep(100);
        ({ events } = await storedOf(txnid));
      }
      expect(events).to.deep.equal(expected);
    }

    it('says that it waits where the payer returns before the postback, and thanks when that comes', async () => {
      const txnid = await pay({ check: 'Return first', fill: ['Delay', '5000'] });
      expect(new URL(page.url()).searchParams.get('status'), 'the return says that it is paid').to.equal('S');
      expect(await headingOf(page)).to.equal(waiting);
      await listSays(txnid, 'pending', 'open');
      await page.getByRole('heading', { name: thanks }).waitFor();
      await listSays(txnid, 'paid', 'paid');
      await eventsOf(txnid, 'S applied 1 rsa');
    });

    it('is paid once by five postbacks at a time, and by one more from the log', async () => {
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
      await entries.first().getByRole('button', { name: 'Send it again' }).click();
      await eventsOf(txnid, 'S applied 6 rsa');
      expect((await storedOf(txnid)).paidAt).to.equal(paidAt);
    });

    it('asks where the postback never comes', async () => {
      const txnid = await pay({ check: 'Drop the postback' });
      expect(await headingOf(page)).to.equal(waiting);
      await page.goto(`${shop.url}/orders/${txnid}`);
      await page.getByText('Nothing yet.').waitFor();
      await press(page, 'Ask Dragonpay');
      expect(await headingOf(page)).to.equal(thanks);
      await listSays(txnid, 'paid', 'paid');
      await eventsOf(txnid, 'S applied 1 inquiry');
    });

    it('does not believe another amount, and shows the shopkeeper why', async () => {
      const txnid = await pay({ fill: ['Wrong amount', '1.00'] });
      expect(await headingOf(page)).to.equal(waiting);
      await page.goto(`${shop.url}/orders/${txnid}`);
      await page.getByText('look at: amount').waitFor();
      await listSays(txnid, 'pending', 'open');
      await eventsOf(txnid, 'S mismatch 1 rsa');
    });

    it('stays paid where a later postback says that it failed', async () => {
      const txnid = await pay({ select: ['Contradict later', 'F'] });
      expect(await headingOf(page)).to.equal(thanks);
      await eventsOf(txnid, 'S applied 1 rsa', 'F stale 1 rsa');
      await listSays(txnid, 'paid', 'paid');
    });

    it('believes nothing that a revoked key has signed', async () => {
      const txnid = await pay({ check: 'Sign with a revoked key' });
      expect(await headingOf(page)).to.equal('This link cannot be read');
      await listSays(txnid, 'pending', 'open');
      await eventsOf(txnid);
    });
  });

  it('refuses a forged callback by the command that the shop’s page gives', async () => {
    const command = await list.getByLabel('Command that sends a forged callback').textContent();
    const { stdout } = await promisify(execFile)('sh', ['-c', command ?? '']);
    expect(stdout).to.match(/^HTTP\/1\.1 400 .*\r\n\r\nerror=proof-mismatch$/s);
    expect(await (await fetch(`${shop.url}/transactions/T-1`)).status).to.equal(404);
  });

  describe('every page is without a violation that axe knows, on both screens, light and dark', () => {
    const shopPages: [what: string, path: string][] = [
      ['the shop', '/'],
      ['a page that is not there', '/nothing'],
      ['an order that is not there', '/orders/nobody'],
      ['a return that was changed', '/dragonpay/callback?txnid=T-1&status=S'],
    ];
    for (const [what, path] of shopPages) {
      it(what, async () => {
        await page.goto(shop.url + path);
        await expectAccessible(page);
      });
    }

    it('a refused order', async () => {
      await page.goto(shop.url);
      await page.evaluate('document.forms[0].noValidate = true');
      await page.getByRole('textbox', { name: 'Email' }).fill('');
      await press(page, 'Pay with Dragonpay');
      await page.getByRole('alert').waitFor();
      await expectAccessible(page);
    });

    it('the channels to choose from', async () => {
      await beginPayment(page, shop.url, 'Barako coffee');
      await expectAccessible(page);
    });

    const ways: [channel: string, button: string | RegExp][] = [
      ['Bogus Bank Online', /^Pay PHP/],
      ['GCash', 'Let it fail'],
      ['BDO branch', 'The payment arrives at the counter'],
      ['BDO branch', 'Nobody comes'],
    ];
    for (const [channel, button] of ways) {
      it(`the way through ${channel}, ${String(button)}`, async () => {
        await beginPayment(page, shop.url, 'Barako coffee');
        await choose(page, channel);
        await expectAccessible(page);
        await press(page, button);
        await expectAccessible(page);
      });
    }

    it('an order, before and after Dragonpay said something of it', async () => {
      const txnid = await beginPayment(page, shop.url, 'Barako coffee');
      await page.goto(`${shop.url}/orders/${txnid}`);
      await expectAccessible(page);
      await page.goto(`${shop.sandboxUrl}/payments/${txnid}`);
      await press(page, 'P pending');
      await page.goto(`${shop.url}/orders/${txnid}`);
      await expectAccessible(page);
    });

    const controlPages: [what: string, path: string][] = [
      ['overview', '/'],
      ['log of postbacks', '/postbacks'],
      ['form for misbehaviour', '/misbehaviour'],
      ['settings', '/settings'],
      ['page for what is not there', '/payments/nobody'],
      ['answer to a payment that it does not know', '/Pay.aspx?tokenid=none'],
    ];
    for (const [what, path] of controlPages) {
      it(`the sandbox’s ${what}`, async () => {
        await page.goto(shop.sandboxUrl + path);
        await page.evaluate('for (const each of document.querySelectorAll("details")) each.open = true');
        await expectAccessible(page);
      });
    }

    it('the sandbox’s page of a payment', async () => {
      await page.goto(shop.sandboxUrl);
      await page.getByRole('region', { name: 'Payments' }).getByRole('link').first().click();
      await page.evaluate('for (const each of document.querySelectorAll("details")) each.open = true');
      await expectAccessible(page);
    });

    it('an empty sandbox, and its page of a payout', async () => {
      const sandbox = await startSandbox();
      for (const path of ['/', '/postbacks']) {
        await page.goto(sandbox.url + path);
        await expectAccessible(page);
      }
      await sandbox.createPayout({ merchantTxnId: 'P-1', amount: '5.00' });
      await page.goto(`${sandbox.url}/payouts/P-1`);
      await expectAccessible(page);
      await sandbox.close();
    });
  });

  it('goes on after a restart: orders are kept, and the new keys of the sandbox are fetched', async () => {
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
