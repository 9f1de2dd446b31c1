import { rm } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { startSandbox } from '../../src/sandbox.js';
import { expectAccessible, launchBrowser } from '../support/browser.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { beginPayment, choose, press } from '../support/journey.js';
import { freePorts, killShops, makeDataFolder, type ShopProcess, startShop } from '../support/shop-process.js';

describe('Pages of the demo and the sandbox, by axe, on two screens, light and dark', function () {
  this.timeout(120_000);
  this.slow(10_000);
  let browser: Browser | undefined;
  let database: TestDatabase;
  let dataFolder: string;
  let shop: ShopProcess;
  let page: Page;

  before(async function () {
    browser = await launchBrowser();
    if (browser === undefined) return this.skip();
    database = await createTestDatabase();
    dataFolder = await makeDataFolder();
    shop = await startShop({ DATABASE_URL: database.url, SHOP_DATA: dataFolder, PORT: await freePorts() });
  });
  beforeEach(async () => {
    const context = await (browser as Browser).newContext();
    context.setDefaultTimeout(20_000);
    page = await context.newPage();
  });
  afterEach(() => page?.context().close());
  after(async () => {
    await browser?.close();
    await killShops();
    await database?.destroy();
    if (dataFolder !== undefined) await rm(dataFolder, { recursive: true, force: true });
  });

  it('a refused order', async () => {
    await page.goto(shop.url);
    await page.evaluate('document.forms[0].noValidate = true');
    await page.getByRole('textbox', { name: 'Email' }).fill('');
    await press(page, 'Pay with Dragonpay');
    await page.getByRole('alert').waitFor();
    await expectAccessible(page);
  });

  it('the page of payment channels', async () => {
    await beginPayment(page, shop.url, 'Barako coffee');
    await expectAccessible(page);
  });

  const ways: [channel: string, button: string | RegExp][] = [
    ['Bogus Bank Online', /^Pay PHP/],
    ['GCash', 'Fail the payment'],
    ['BDO branch', 'The payment arrives at the counter'],
    ['BDO branch', 'Void the payment'],
  ];
  for (const [channel, button] of ways) {
    it(`the pages of ${channel}, ${button instanceof RegExp ? 'paid' : button}`, async () => {
      await beginPayment(page, shop.url, 'Barako coffee');
      await choose(page, channel);
      await expectAccessible(page);
      await press(page, button);
      await expectAccessible(page);
    });
  }

  it('the page of an order, before and after its first callback', async () => {
    const txnid = await beginPayment(page, shop.url, 'Barako coffee');
    await page.goto(`${shop.url}/orders/${txnid}`);
    await expectAccessible(page);
    await page.goto(`${shop.sandboxUrl}/payments/${txnid}`);
    await press(page, 'P pending');
    await page.goto(`${shop.url}/orders/${txnid}`);
    await expectAccessible(page);
  });

  // These pages show the orders of the tests above.
  const shopPages: [what: string, path: string][] = [
    ['the shop', '/'],
    ['an unknown page', '/nothing'],
    ['an unknown order', '/orders/nobody'],
    ['a changed return', '/dragonpay/callback?txnid=T-1&status=S'],
  ];
  for (const [what, path] of shopPages) {
    it(what, async () => {
      await page.goto(shop.url + path);
      await expectAccessible(page);
    });
  }

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

  it('an empty sandbox and the page of a payout', async () => {
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
