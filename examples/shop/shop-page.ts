import { type Html, html } from './html.js';
import { layout } from './layout.js';
import { money } from './money.js';
import type { OrderLine } from './order-book.js';
import { type Product, products } from './products.js';
import { statusBadge, statusText } from './status.js';

/** The facts about the shop that its page shows. */
export interface AboutShop {
  /** The URL for a client on this machine. */
  readonly url: string;
  /** The origin of the payment pages; `undefined` without an API key to request payments with. */
  readonly gateway: string | undefined;
  readonly isSandbox: boolean;
}

/** A refused form. It is shown again with its values, and each error at its field. */
export interface RefusedForm {
  readonly status: number;
  readonly errors: { readonly product?: string; readonly email?: string; readonly form?: string };
  readonly values: Readonly<Record<string, string>>;
}

/** The first page: the products, and the orders. */
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

function checkout({ gateway }: AboutShop, { errors, values }: Partial<RefusedForm> = {}): Html {
  const chosen = values?.product ?? products[0]?.id;
  return html`<form method="post" action="/checkout">
${errors?.form && html`<p class="alert" role="alert">${errors.form}</p>`}
<fieldset${errors?.product && html` aria-describedby="product-error"`}>
<legend>Choose one</legend>
${errors?.product && html`<p class="error" role="alert" id="product-error">${errors.product}</p>`}
<div class="products">
${products.map((product) => productCard(product, product.id === chosen))}
</div>
</fieldset>
<div class="pay">
<div class="field"><label for="email">Email for the receipt</label>
<input id="email" name="email" type="email" autocomplete="email" required value="${values?.email ?? 'juan@example.com'}"${
    errors?.email && html` aria-invalid="true" aria-describedby="email-error"`
  }>
${errors?.email && html`<p class="error" role="alert" id="email-error">${errors.email}</p>`}</div>
<button${gateway === undefined && html` disabled aria-describedby="no-gateway"`}>Pay with Dragonpay</button>
</div>
${
  gateway === undefined &&
  html`<p id="no-gateway" class="quiet">Set <code>DRAGONPAY_API_KEY</code> to request payments from Dragonpay.</p>`
}
</form>`;
}

function productCard({ id, name, about, price, picture }: Product, isChosen: boolean): Html {
  return html`<label class="product"><input type="radio" name="product" value="${id}"${isChosen && html` checked`} required>
${picture}<span class="name">${name}</span> <span class="about">${about}</span> <span class="price">${money(price, 'PHP')}</span></label>
`;
}

function orderList(orders: readonly OrderLine[]): Html {
  return html`<section aria-labelledby="orders-title">
<h2 id="orders-title">Orders</h2>
<p class="quiet">The orders in the database. <span class="live">This list updates itself.</span>
<noscript>Reload the page to see changes.</noscript></p>
<table>
<thead><tr>
<th scope="col">Order</th><th scope="col" class="number">Amount</th><th scope="col">Payment</th>
<th scope="col" class="wide">Order is</th><th scope="col" class="wide">Reference number</th>
</tr></thead>
<tbody id="orders" data-live>
${orders.map(orderRow)}
${orders.length === 0 && html`<tr id="no-order"><td colspan="5">None yet.</td></tr>`}
</tbody>
</table>
</section>`;
}

function orderRow(order: OrderLine): Html {
  const { txnid, description, amount, currency, refno, paidAt } = order;
  const id = encodeURIComponent(txnid);
  return html`<tr id="order-${id}" data-news="Order ${description}: ${statusText(order).name}">
<th scope="row">${description} <a href="/orders/${id}">${txnid}</a></th>
<td class="number">${money(amount, currency)}</td>
<td>${statusBadge(order)}</td>
<td class="wide">${paidAt === null ? 'open' : 'paid'}</td>
<td class="wide">${refno ?? '–'}</td>
</tr>
`;
}

function behindTheCounter({ url, gateway, isSandbox }: AboutShop): Html {
  const fields = 'txnid=T-1&refno=R1&status=S&message=Paid&signatures=Zm9yZ2Vk';
  return html`<section aria-labelledby="counter-title">
<h2 id="counter-title">Behind the counter</h2>
<p>Dragonpay sends callbacks to <code>${url}/dragonpay/callback</code>.
${
  isSandbox
    ? html`<a href="${gateway}">A sandbox</a> plays Dragonpay. Its control panel shows what it sent and what the shop
answered. There you can send a postback again, or make the gateway misbehave.`
    : html`The keys come from the environment variables.`
}</p>
<p>This shell command sends a forged callback. It is refused, and nothing is stored:</p>
<pre tabindex="0" aria-label="Command that sends a forged callback"><code>curl -i ${url}/dragonpay/callback -d '${fields}'</code></pre>
</section>`;
}
