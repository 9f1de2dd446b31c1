import { type Html, html } from './html.js';
import { layout } from './layout.js';
import { money } from './money.js';
import type { Order } from './order-book.js';
import { statusBadge, statusText } from './status.js';

/** The page that the payer sees after paying: the stored payment. The page updates itself when the payment changes. */
export function paymentPage(order: Order): string {
  return layout({
    title: statusText(order).headline,
    source: `/payments/${encodeURIComponent(order.txnid)}`,
    content: paymentCard(order, nextStep(order)),
  });
}

/** The page that the payer sees if there is no payment to show. */
export function messagePage(headline: string, advice: string): string {
  const content = html`<section class="payment"><h1>${headline}</h1><p>${advice}</p>${backToShop}</section>`;
  return layout({ title: headline, content });
}

const backToShop = html`<p><a href="/">Back to the shop</a></p>`;

/** The payment of an order: its status in words, and what was ordered. */
export function paymentCard(order: Order, nextStep?: Html): Html {
  const { txnid, description, amount, currency, refno } = order;
  const { headline, advice, tone } = statusText(order);
  return html`<section class="payment ${tone}" id="payment" data-live data-news="${headline}">
<h1>${headline}</h1>
<p>${advice} ${
    tone === 'open' &&
    html`<span class="live">This page updates itself.</span>
<noscript>Reload this page to see changes.</noscript>`
  }</p>
${nextStep}
<dl>
<dt>Order</dt><dd>${description}</dd>
<dt>Amount</dt><dd>${money(amount, currency)}</dd>
<dt>Payment</dt><dd>${statusBadge(order)}</dd>
<dt>Order number</dt><dd>${txnid}</dd>
${refno !== null && html`<dt>Reference number</dt><dd>${refno}</dd>`}
</dl>
${backToShop}
</section>`;
}

/** The counters of the sandbox, by `procid`. */
const counters: Readonly<Record<string, string>> = { BOGX: 'any Bogus Bank branch', BDO: 'any BDO branch' };

const manila = new Intl.DateTimeFormat('en-PH', { dateStyle: 'long', timeZone: 'Asia/Manila' });

/** The links and hints for a payer whose payment has not arrived. */
function nextStep(order: Order): Html | undefined {
  const { status, channel, refno, amount, currency, paymentUrl, payBy } = order;
  if (statusText(order).tone === 'good') return undefined;
  if (status !== 'P' && status !== 'U') return html`<p><a class="button" href="/">Order again</a></p>`;
  const counter = channel === null ? undefined : counters[channel];
  return html`${
    counter !== undefined &&
    html`<div class="steps">
<p>Pay <b>${money(amount, currency)}</b> at <b>${counter}</b>.</p>
<p>Show this reference number: <b class="reference">${refno}</b></p>
<p>We keep your order until <b>${manila.format(payBy)}</b>.</p>
</div>`
  }${
    paymentUrl !== null &&
    html`<p><a class="button" href="${paymentUrl}">${
      counter === undefined ? 'Continue to pay' : 'Show the instructions or pay another way'
    }</a></p>`
  }`;
}
