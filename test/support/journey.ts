import type { Page } from 'playwright-core';

/** The steps of a payer, by what a screen reader says of the pages. */

/** Chooses something in the shop, and goes to pay. Returns the txnid. */
export async function beginPayment(page: Page, shopUrl: string, product: string): Promise<string> {
  await page.goto(shopUrl);
  await page.getByRole('radio', { name: new RegExp(`^${product}`) }).check();
  await page.getByRole('textbox', { name: 'Email' }).fill('juan@example.com');
  await press(page, 'Pay with Dragonpay');
  await page.getByRole('heading', { name: 'Choose how to pay' }).waitFor();
  return (await page.getByRole('complementary').locator('dt:text-is("Order") + dd').textContent()) ?? '';
}

/** Chooses a channel of the payment page. */
export async function choose(page: Page, channel: string): Promise<void> {
  await page.getByRole('radio', { name: new RegExp(`^${channel}`) }).check();
  await press(page, 'Continue');
}

export async function press(page: Page, button: string | RegExp): Promise<void> {
  await page.getByRole('button', { name: button }).click();
}

/** The text of the page's only first heading. */
export async function headingOf(page: Page): Promise<string> {
  return (await page.getByRole('heading', { level: 1 }).textContent()) ?? '';
}
