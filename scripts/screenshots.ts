/**
 * Takes pictures of the demo's pages on a desktop and a phone, light and dark: `npm run screenshots`. They are saved in
 * `.data/screenshots`, the two of the README in `docs/images`.
 */
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { colorSchemes, launchBrowser, screens } from '../test/support/browser.js';
import { createTestDatabase } from '../test/support/database.js';
import { beginPayment, choose, press } from '../test/support/journey.js';
import { root } from '../test/support/program.js';
import { killShops, startShop } from '../test/support/shop-process.js';
import { stopTestServer } from '../test/support/test-server.js';

const folder = join(root, '.data/screenshots');
const images = join(root, 'docs/images');
await rm(folder, { recursive: true, force: true });
for (const each of [folder, images]) await mkdir(each, { recursive: true });

const browser = await launchBrowser();
if (browser === undefined) throw new Error('no Chromium is on the PATH');
const database = await createTestDatabase();
try {
  const shop = await startShop({ DATABASE_URL: database.url, SHOP_DATA: tmpdir() });
  const context = await browser.newContext();
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();

  const begin = (product: string) => beginPayment(page, shop.url, product);
  await begin('Enamel mug');
  await press(page, 'Cancel');
  await picture(page, 'return-failed');
  await begin('Enamel mug');
  await choose(page, 'BDO branch');
  await picture(page, 'counter');
  await page.getByRole('link', { name: 'Return to' }).click();
  await picture(page, 'return-pending');
  const txnid = await begin('Abacá notebook');
  await picture(page, 'payment');
  await page.screenshot({ path: join(images, 'payment.png') });
  await choose(page, 'Bogus Bank Online');
  await picture(page, 'bank');
  await press(page, /^Pay PHP/);
  await picture(page, 'return-paid');
  await page.goto(`${shop.url}/orders/${txnid}`);
  await picture(page, 'order');
  await page.goto(`${shop.sandboxUrl}/postbacks`);
  await page.locator('summary').first().click();
  await picture(page, 'sandbox-postbacks');
  for (const name of ['misbehaviour', 'settings', `payments/${txnid}`, '']) {
    await page.goto(`${shop.sandboxUrl}/${name}`);
    await picture(page, `sandbox-${name.split('/')[0] || 'overview'}`);
  }
  await page.goto(shop.url);
  await picture(page, 'shop');
  await page.setViewportSize(screens.desktop);
  await page.screenshot({ path: join(images, 'shop.png') });
} finally {
  await browser.close();
  await killShops();
  await database.destroy();
  await stopTestServer();
}

console.log(`The pictures are in ${folder}.`);

async function picture(page: Page, name: string): Promise<void> {
  for (const [screen, size] of Object.entries(screens)) {
    await page.setViewportSize(size);
    for (const colorScheme of colorSchemes) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.screenshot({ path: join(folder, `${name}-${screen}-${colorScheme}.png`), fullPage: true });
    }
  }
}
