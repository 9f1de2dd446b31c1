import { type Html, html } from './html.js';
import { layout } from './layout.js';
import type { OrderLine } from './order-book.js';
import { type Product, products } from './products.js';
import { statusBadge, statusText } from './status.js';

/** What the page says of the shop itself. */
export interface AboutShop {
  /** Where a client on this machine finds it. */
  readonly url: string;
  /** Where payers pay; `undefined` when the shop has no API key to ask for payments with. */
  readonly gateway: string | undefined;
  readonly isSandbox: boolean;
}

/** A form that was sent and not accepted, to be shown again. */
export interface RefusedForm {
  readonly status: number;
  readonly message: string;
  readonly values: Readonly<Record<string, string>>;
}

/** The first page: what there is to buy, and the orders. */
export function shopPage(about: AboutShop, orders: readonly OrderLine[], refused?: RefusedForm): string {
  return layout({
    title: 'Coffee and paper',
    source: '/',
    content: html`<h1>Coffee and paper, from the islands</h1>
${checkout(about, refused)}
${orderList(orders)}
${behindTheCounter(about)}`,
  });
}

function checkout({ gateway }: AboutShop, refused: RefusedForm | undefined): Html {
  const chosen = refused?.values.product ?? products[0]?.id;
  return html`<form method="post" action="/checkout">
${refused && html`<p class="alert" role="alert" id="refused">${refused.message}</p>`}
<fieldset>
<legend>Choose one</legend>
<div class="products">
${products.map((product) => productCard(product, product.id === chosen))}
</div>
</fieldset>
<div class="pay">
<p class="field"><label for="email">Email, for the receipt</label>
<input id="email" name="email" type="email" autocomplete="email" maxlength="254" required
value="${refused?.values.email ?? 'juan@example.com'}"${refused && html` aria-describedby="refused"`}></p>
<button${gateway === undefined && html` disabled aria-describedby="no-gateway"`}>Pay with Dragonpay</button>
</div>
${
  gateway === undefined &&
  html`<p id="no-gateway" class="quiet">To ask Dragonpay for a payment the shop needs <code>DRAGONPAY_API_KEY</code>.</p>`
}
</form>`;
}

function productCard({ id, name, about, price, picture }: Product, isChosen: boolean): Html {
  return html`<label class="product"><input type="radio" name="product" value="${id}"${isChosen && html` checked`} required>
${picture}<span class="name">${name}</span> <span class="about">${about}</span> <span class="price">₱${price}</span></label>
`;
}

function orderList(orders: readonly OrderLine[]): Html {
  return html`<section aria-labelledby="orders-title">
<h2 id="orders-title">Orders</h2>
<p class="quiet">What the shop has stored. <span class="live">This list changes by itself.</span>
<noscript>Reload the page to see what has changed.</noscript></p>
<table>
<thead><tr>
<th scope="col">Order</th><th scope="col" class="number">Amount</th><th scope="col">Payment</th>
<th scope="col" class="wide">Order is</th><th scope="col" class="wide">Reference</th>
</tr></thead>
<tbody id="orders" data-live>
${orders.map(orderRow)}
${orders.length === 0 && html`<tr id="no-order"><td colspan="5">None yet.</td></tr>`}
</tbody>
</table>
</section>`;
}

function orderRow({ txnid, description, amount, currency, status, refno, paidAt }: OrderLine): Html {
  const id = encodeURIComponent(txnid);
  return html`<tr id="order-${id}" data-news="Order ${description}: ${statusText(status).name}">
<th scope="row">${description} <a href="/orders/${id}">${txnid}</a></th>
<td class="number">${amount} ${currency}</td>
<td>${statusBadge(status)}</td>
<td class="wide">${paidAt === null ? 'open' : 'paid'}</td>
<td class="wide">${refno ?? '–'}</td>
</tr>
`;
}

function behindTheCounter({ url, gateway, isSandbox }: AboutShop): Html {
  const fields = 'txnid=T-1&refno=R1&status=S&message=Paid&signatures=Zm9yZ2Vk';
  return html`<section aria-labelledby="counter-title">
<h2 id="counter-title">Behind the counter</h2>
<p>Dragonpay’s callbacks arrive at <code>${url}/dragonpay/callback</code>.
${
  isSandbox
    ? html`Dragonpay is played by <a href="${gateway}">a sandbox</a>: see there what it sent and what the shop answered,
send a postback again, or tell it to misbehave.`
    : html`The keys are those of the environment.`
}</p>
<p>A forged callback, for a shell. It is refused, and nothing is stored:</p>
<pre tabindex="0" aria-label="Command that sends a forged callback"><code>curl -i ${url}/dragonpay/callback -d '${fields}'</code></pre>
</section>`;
}
