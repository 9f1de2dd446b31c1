import { startSandbox } from '../../src/sandbox.js';
import { expectAccessible } from '../support/browser.js';
import { describeShop } from '../support/describe-shop.js';
import { beginPayment, choose, press } from '../support/journey.js';

describeShop('Pages of the demo and the sandbox, by axe, on two screens, light and dark', (on) => {
  it('a refused order', async () => {
    await on.page.goto(on.shop.url);
    await on.page.evaluate('document.forms[0].noValidate = true');
    await on.page.getByRole('textbox', { name: 'Email' }).fill('');
    await press(on.page, 'Pay with Dragonpay');
    await on.page.getByRole('alert').waitFor();
    await expectAccessible(on.page);
  });

  it('the page of payment channels', async () => {
    await beginPayment(on.page, on.shop.url, 'Barako coffee');
    await expectAccessible(on.page);
  });

  const ways: [channel: string, button: string | RegExp][] = [
    ['Bogus Bank Online', /^Pay PHP/],
    ['GCash', 'Fail the payment'],
    ['BDO branch', 'The payment arrives at the counter'],
    ['BDO branch', 'Void the payment'],
  ];
  for (const [channel, button] of ways) {
    it(`the pages of ${channel}, ${button instanceof RegExp ? 'paid' : button}`, async () => {
      await beginPayment(on.page, on.shop.url, 'Barako coffee');
      await choose(on.page, channel);
      await expectAccessible(on.page);
      await press(on.page, button);
      await expectAccessible(on.page);
    });
  }

  it('the page of an order, before and after its first callback', async () => {
    const txnid = await beginPayment(on.page, on.shop.url, 'Barako coffee');
    await on.page.goto(`${on.shop.url}/orders/${txnid}`);
    await expectAccessible(on.page);
    await on.page.goto(`${on.shop.sandboxUrl}/payments/${txnid}`);
    await press(on.page, 'P pending');
    await on.page.goto(`${on.shop.url}/orders/${txnid}`);
    await expectAccessible(on.page);
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
      await on.page.goto(on.shop.url + path);
      await expectAccessible(on.page);
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
      await on.page.goto(on.shop.sandboxUrl + path);
      await on.page.evaluate('for (const each of document.querySelectorAll("details")) each.open = true');
      await expectAccessible(on.page);
    });
  }

  it('the sandbox’s page of a payment', async () => {
    await on.page.goto(on.shop.sandboxUrl);
    await on.page.getByRole('region', { name: 'Payments' }).getByRole('link').first().click();
    await on.page.evaluate('for (const each of document.querySelectorAll("details")) each.open = true');
    await expectAccessible(on.page);
  });

  it('an empty sandbox and the page of a payout', async () => {
    const sandbox = await startSandbox();
    for (const path of ['/', '/postbacks']) {
      await on.page.goto(sandbox.url + path);
      await expectAccessible(on.page);
    }
    await sandbox.createPayout({ merchantTxnId: 'P-1', amount: '5.00' });
    await on.page.goto(`${sandbox.url}/payouts/P-1`);
    await expectAccessible(on.page);
    await sandbox.close();
  });
});
