import type { InboxEvent } from 'dragonpay-callback';
import { type Html, html } from './html.js';
import { layout } from './layout.js';
import type { OrderDetails } from './order-book.js';
import type { InquiryOutcome } from './payment-gateway.js';
import { paymentCard } from './payment-page.js';
import { statusText } from './status.js';

/**
 * The shopkeeper's page of an order: its payment, and the callbacks. A real shop would require a login. Here everybody
 * who has the order number can see the page, and the number cannot be guessed.
 * @param mayAsk whether Dragonpay can be asked about the payment
 * @param outcome the result, if Dragonpay was just asked
 */
export function orderPage(order: OrderDetails, mayAsk: boolean, outcome: string | null): string {
  return layout({
    title: statusText(order).headline,
    source: `/orders/${encodeURIComponent(order.txnid)}`,
    content: html`${paymentCard(order)}
${eventList(order, mayAsk, outcome)}`,
  });
}

const outcomes: Readonly<Record<InquiryOutcome, string>> = {
  applied: 'Dragonpay reported a new status.',
  unchanged: 'Dragonpay reported no change.',
  review: 'Dragonpay’s answer does not match the order. It was recorded for review.',
  notKnown: 'Dragonpay does not know this payment yet.',
  failed: 'Dragonpay did not answer, or its answer could not be used. Please try again later.',
  skipped: 'Dragonpay is being asked about this payment already.',
};

function eventList({ txnid, callbacks }: OrderDetails, mayAsk: boolean, outcome: string | null): Html {
  const notice = outcome !== null && Object.hasOwn(outcomes, outcome) && outcomes[outcome as InquiryOutcome];
  return html`<section aria-labelledby="events-title">
<h2 id="events-title">Callbacks of Dragonpay</h2>
${notice && html`<p class="notice" role="status">${notice}</p>`}
<div id="events" data-live>
${callbacks.length === 0 ? html`<p>None yet.</p>` : html`<ul class="events">${callbacks.map(eventItem)}</ul>`}
</div>
${
  mayAsk &&
  html`<form method="post" action="/orders/${encodeURIComponent(txnid)}"><button class="minor">Ask Dragonpay</button></form>`
}
</section>`;
}

function eventItem({ status, outcome, deliveries, proof, lastSeen, reasons }: InboxEvent): Html {
  const { name, tone } = statusText({ status, cancelled: false });
  const count = deliveries === 1 ? 'received once' : `received ${deliveries} times`;
  const time = lastSeen.toISOString().replace('T', ' ').slice(0, 19);
  const review = reasons.length > 0 && html`; check: ${reasons.join(', ')}`;
  return html`<li><span class="status ${tone}">${status} ${name}</span> <span>${count}: ${outcome}
<small>${time} UTC, proof: ${proof}${review}</small></span></li>`;
}
