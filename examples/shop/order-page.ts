import type { InboxEvent, PaymentRow, PayoutRow } from 'dragonpay-callback';
import { type Html, html } from './html.js';
import { layout } from './layout.js';
import type { OrderDetails } from './order-book.js';
import { statusBadge, statusText } from './status.js';

/**
 * What the shopkeeper sees of an order: its payment, and what Dragonpay said of it. A real shop would ask who looks;
 * here whoever has the number does, and nobody can guess one.
 * @param mayAsk whether Dragonpay can be asked how the payment stands
 */
export function orderPage(order: OrderDetails, mayAsk: boolean): string {
  return layout({
    title: statusText(order.status).headline,
    source: pathOf(order.txnid),
    content: html`${paymentCard(order)}
${eventList(order, mayAsk)}`,
  });
}

/** What the payer sees after paying: the row as it is stored, whatever the URL said. It changes when the row does. */
export function returnPage(row: PaymentRow): string {
  return layout({
    title: statusText(row.status).headline,
    source: pathOf(row.txnid),
    content: paymentCard(row),
  });
}

/** What the payer sees where there is no payment to show. */
export function messagePage(headline: string, advice: string): string {
  const content = html`<section class="payment"><h1>${headline}</h1><p>${advice}</p>${back}</section>`;
  return layout({ title: headline, content });
}

/** Payments only: a payout has no payer who could come back. */
export function isPayment(row: PaymentRow | PayoutRow | undefined): row is PaymentRow {
  return row !== undefined && 'txnid' in row;
}

const back = html`<p><a href="/">Back to the shop</a></p>`;

function pathOf(txnid: string): string {
  return `/orders/${encodeURIComponent(txnid)}`;
}

function paymentCard({ txnid, description, amount, currency, status, refno }: PaymentRow): Html {
  const { headline, advice, tone } = statusText(status);
  return html`<section class="payment ${tone}" id="payment" data-live data-news="${headline}">
<h1>${headline}</h1>
<p>${advice} ${
    tone === 'open' &&
    html`<span class="live">This page changes by itself.</span>
<noscript>Reload this page to see what has changed.</noscript>`
  }</p>
<dl>
<dt>Order</dt><dd>${description}</dd>
<dt>Amount</dt><dd>${amount} ${currency}</dd>
<dt>Payment</dt><dd>${statusBadge(status)}</dd>
<dt>Number</dt><dd>${txnid}</dd>
${refno !== null && html`<dt>Reference</dt><dd>${refno}</dd>`}
</dl>
${back}
</section>`;
}

function eventList({ txnid, callbacks }: OrderDetails, mayAsk: boolean): Html {
  return html`<section aria-labelledby="events-title">
<h2 id="events-title">What Dragonpay said</h2>
<div id="events" data-live>
${callbacks.length === 0 ? html`<p>Nothing yet.</p>` : html`<ul class="events">${callbacks.map(eventItem)}</ul>`}
</div>
${mayAsk && html`<form method="post" action="${pathOf(txnid)}"><button class="minor">Ask Dragonpay</button></form>`}
</section>`;
}

function eventItem({ status, outcome, deliveries, proof, lastSeen, reasons }: InboxEvent): Html {
  const came = deliveries === 1 ? 'came once' : `came ${deliveries} times`;
  const time = lastSeen.toISOString().replace('T', ' ').slice(0, 19);
  const review = reasons.length > 0 && html`; look at: ${reasons.join(', ')}`;
  return html`<li>${statusBadge(status)} <span>${came}: ${outcome}
<small>${time} UTC, proof: ${proof}${review}</small></span></li>`;
}
