import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { describeShop } from '../support/describe-shop.js';
import { beginPayment, choose, headingOf, misbehave, press, type Wrongs } from '../support/journey.js';

const thanks = 'Thank you, your payment has arrived';
const waiting = 'We are waiting for your payment';

describeShop('Demo shop in a browser', (on) => {
  it('shop accepts a payment after the sandbox rotated its key', async () => {
    await on.page.goto(`${on.shop.sandboxUrl}/settings`);
    await press(on.page, 'New key, revoke the current one');
    const txnid = await beginPayment(on.page, on.shop.url, 'Enamel mug');
    await choose(on.page, 'BPI Online');
    await press(on.page, /^Pay PHP/);
    expect(await headingOf(on.page)).to.equal(thanks);
    await on.listSays(txnid, 'paid', 'paid');
  });

  it('pending order can be paid later from its page', async () => {
    const txnid = await beginPayment(on.page, on.shop.url, 'Enamel mug');
    await choose(on.page, 'GCash');
    await press(on.page, 'Pay later');
    await on.page.getByRole('link', { name: 'Continue to pay' }).click();
    await press(on.page, /^Pay PHP 249\.00/);
    expect(await headingOf(on.page)).to.equal(thanks);
    await on.listSays(txnid, 'paid', 'paid');
  });

  it('payment that never arrives at the counter becomes void', async () => {
    const txnid = await beginPayment(on.page, on.shop.url, 'Enamel mug');
    await choose(on.page, 'BDO branch');
    await press(on.page, 'Void the payment');
    await on.listSays(txnid, 'void', 'open');
  });

  it('shop works by keyboard alone', async () => {
    await on.page.goto(on.shop.url);
    await on.page.getByRole('radio', { name: /^Barako coffee/ }).focus();
    await on.page.keyboard.press('ArrowDown');
    await on.page.keyboard.press('Tab');
    await on.page.keyboard.press('Tab');
    await on.page.keyboard.press('Enter');
    await on.page.getByRole('heading', { name: 'Choose how to pay' }).waitFor();
    await on.page.getByText('Abacá notebook').waitFor();
    await on.page.getByRole('radio', { name: /^Bogus Bank Online/ }).focus();
    await on.page.keyboard.press('Enter');
    await on.page.getByRole('button', { name: /^Pay PHP/ }).focus();
    await on.page.keyboard.press('Enter');
    await on.page.getByRole('heading', { name: thanks }).waitFor();
  });

  it('list of orders keeps the focus while it changes', async () => {
    const txnid = await beginPayment(on.page, on.shop.url, 'Enamel mug');
    await on.list.getByRole('link', { name: txnid }).focus();
    const next = await beginPayment(on.page, on.shop.url, 'Enamel mug');
    await on.listSays(next, 'pending', 'open');
    expect(await on.list.evaluate('document.activeElement.textContent')).to.equal(txnid);
  });

  describe('with a misbehaving sandbox', () => {
    /** Configures the sandbox to misbehave, then pays at the bank. */
    async function pay(wrongs: Wrongs): Promise<string> {
      const txnid = await beginPayment(on.page, on.shop.url, 'Barako coffee');
      const paymentPage = on.page.url();
      await misbehave(on.page, on.shop.sandboxUrl, txnid, wrongs);
      await on.page.goto(paymentPage);
      await choose(on.page, 'Bogus Bank Online');
      await press(on.page, /^Pay PHP/);
      return txnid;
    }

    /** Waits until these events are stored. */
    async function eventsOf(txnid: string, ...expected: string[]): Promise<void> {
      const end = Date.now() + 15_000;
      let { events } = await on.storedOf(txnid);
      while (events.join() !== expected.join() && Date.now() < end) {
        await sleep(100);
        ({ events } = await on.storedOf(txnid));
      }
      expect(events).to.deep.equal(expected);
    }

    it('return page waits when the payer returns before the postback', async () => {
      const txnid = await pay({ check: 'Return first', fill: ['Delay', '2000'] });
      expect(await headingOf(on.page)).to.equal(waiting);
      await on.listSays(txnid, 'pending', 'open');
      await on.page.getByRole('heading', { name: thanks }).waitFor();
      await on.listSays(txnid, 'paid', 'paid');
      await eventsOf(txnid, 'S applied 1 rsa');
    });

    it('order is paid once by five concurrent postbacks and one resent from the log', async () => {
      const log = await on.page.context().newPage();
      await log.goto(`${on.shop.sandboxUrl}/postbacks`);
      const txnid = await pay({ fill: ['Copies', '5'] });
      expect(await headingOf(on.page)).to.equal(thanks);
      await eventsOf(txnid, 'S applied 5 rsa');
      const { paidAt } = await on.storedOf(txnid);
      const entries = log.getByRole('listitem').filter({ hasText: txnid });
      await entries.nth(4).waitFor();
      await entries.first().locator('summary').click();
      await entries.first().getByText('result=OK').first().waitFor();
      await entries.first().getByRole('button', { name: 'Send again' }).click();
      await eventsOf(txnid, 'S applied 6 rsa');
      expect((await on.storedOf(txnid)).paidAt).to.equal(paidAt);
    });

    it('shop asks Dragonpay about a payment whose postback never arrives', async () => {
      const txnid = await pay({ check: 'Drop the postback' });
      expect(await headingOf(on.page)).to.equal(waiting);
      await on.page.goto(`${on.shop.url}/orders/${txnid}`);
      await on.page.getByText('None yet.').waitFor();
      await press(on.page, 'Ask Dragonpay');
      expect(await headingOf(on.page)).to.equal(thanks);
      await on.page.getByText('Dragonpay reported a new status.').waitFor();
      await press(on.page, 'Ask Dragonpay');
      await on.page.getByText('Dragonpay reported no change.').waitFor();
      await on.listSays(txnid, 'paid', 'paid');
      await eventsOf(txnid, 'S applied 2 inquiry');
    });

    it('shop ignores another amount and shows the reason', async () => {
      const txnid = await pay({ fill: ['Wrong amount', '1.00'] });
      expect(await headingOf(on.page)).to.equal(waiting);
      await on.page.goto(`${on.shop.url}/orders/${txnid}`);
      await on.page.getByText('check: amount').waitFor();
      await on.listSays(txnid, 'pending', 'open');
      await eventsOf(txnid, 'S mismatch 1 rsa');
    });

    it('order stays paid when a later postback says that it failed', async () => {
      const txnid = await pay({ select: ['Contradict later', 'F'] });
      expect(await headingOf(on.page)).to.equal(thanks);
      await eventsOf(txnid, 'S applied 1 rsa', 'F stale 1 rsa');
      await on.listSays(txnid, 'paid', 'paid');
    });

    it('shop refuses a callback signed with a revoked key', async () => {
      const txnid = await pay({ check: 'Sign with a revoked key' });
      // The callback may be older than the revocation, so it counts as not verified instead of forged.
      expect(await headingOf(on.page)).to.equal('We cannot check your payment now');
      await on.listSays(txnid, 'pending', 'open');
      await eventsOf(txnid);
    });
  });

  it('shop keeps its orders after a restart and fetches the new keys', async () => {
    const before = await beginPayment(on.page, on.shop.url, 'Enamel mug');
    await on.restart();
    const txnid = await beginPayment(on.page, on.shop.url, 'Barako coffee');
    await choose(on.page, 'Bogus Bank Online');
    await press(on.page, /^Pay PHP/);
    expect(await headingOf(on.page)).to.equal(thanks);
    await on.listSays(txnid, 'paid', 'paid');
    await on.listSays(before, 'pending', 'open');
  });
});
