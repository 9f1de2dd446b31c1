import type { Page } from 'playwright-core';

// The steps of a payer. Elements are found by their accessible names, as a screen reader finds them.

/** Chooses a product and opens the payment page. Returns the txnid. */
export async function beginPayment(page: Page, shopUrl: string, product: string): Promise<string> {
  await page.goto(shopUrl);
  await page.getByRole('radio', { name: new RegExp(`^${product}`) }).check();
  await page.getByRole('textbox', { name: 'Email' }).fill('juan@example.com');
  await press(page, 'Pay with Dragonpay');
  await page.getByRole('heading', { name: 'Choose how to pay' }).waitFor();
  return (
    (await page
      .getByRole('region', { name: 'Your payment' })
      .locator('dt:text-is("Order number") + dd')
      .textContent()) ?? ''
  );
}

/** Chooses a channel of the payment page. */
export async function choose(page: Page, channel: string): Promise<void> {
  await page.getByRole('radio', { name: new RegExp(`^${channel}`) }).check();
  await press(page, 'Continue');
}

export async function press(page: Page, button: string | RegExp): Promise<void> {
  await page.getByRole('button', { name: button }).click();
}

/** The text of the only `h1` of the page. */
export async function headingOf(page: Page): Promise<string> {
  return (await page.getByRole('heading', { level: 1 }).textContent()) ?? '';
}

/** The labels and values of the sandbox's form for misbehavior. */
export interface Wrongs {
  readonly check?: string;
  readonly fill?: readonly [field: string | RegExp, value: string];
  readonly select?: readonly [field: string, value: string];
}

/** Sets the misbehavior for one payment on its sandbox page. */
export async function misbehave(control: Page, sandboxUrl: string, txnid: string, wrongs: Wrongs): Promise<void> {
  const { check, fill, select } = wrongs;
  await control.goto(`${sandboxUrl}/payments/${txnid}`);
  if (check !== undefined) await control.getByRole('checkbox', { name: check }).check();
  if (fill !== undefined) await control.getByLabel(fill[0]).fill(fill[1]);
  if (select !== undefined) await control.getByLabel(select[0]).selectOption(select[1]);
  const saved = control.waitForEvent('load');
  await press(control, 'Save');
  await saved;
}
