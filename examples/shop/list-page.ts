import { demoCommand, shellQuote } from './demo-command.js';
import { type Html, html } from './html.js';
import { layout, statusBadge } from './layout.js';
import type { OrderLine } from './order-book.js';
import type { ShopSettings } from './shop-settings.js';

/** What the page says of the shop itself. */
export interface AboutShop {
  readonly settings: ShopSettings;
  /** Where a client on this machine finds it. */
  readonly url: string;
  readonly hasDemoKeys: boolean;
}

/** A form that was sent and not accepted, to be shown again. */
export interface RefusedForm {
  readonly status: number;
  readonly message: string;
  readonly values: Readonly<Record<string, string>>;
}

/** The one page of the shop: its orders, how to send a callback for one, and how to make another. */
export function listPage(about: AboutShop, orders: readonly OrderLine[], refused?: RefusedForm): string {
  return layout(
    'Demo shop',
    html`<header>
<h1>Demo shop</h1>
<p>It receives Dragonpay’s callbacks at <code>${about.url}/dragonpay/callback</code>, with
${about.hasDemoKeys ? html`<strong>demo keys</strong>, which only this machine knows.` : 'the keys of its environment.'}
</p>
</header>
${orderList(orders)}
${callbackCommands(about, orders)}
${newOrder(about, refused)}`,
  );
}

function orderList(orders: readonly OrderLine[]): Html {
  if (orders.length === 0) return html`<section><h2>Orders</h2><p>None yet. Make one below.</p></section>`;
  return html`<section aria-labelledby="orders">
<h2 id="orders">Orders</h2>
<table>
<thead><tr>
<th scope="col">Transaction</th><th scope="col" class="number">Amount</th><th scope="col">Status</th>
<th scope="col" class="wide">Reference</th><th scope="col" class="wide">Order</th>
</tr></thead>
<tbody>
${orders.map(orderRow)}
</tbody>
</table>
</section>`;
}

function orderRow(order: OrderLine): Html {
  return html`<tr>
<th scope="row"><a href="/transactions/${encodeURIComponent(order.txnid)}">${order.txnid}</a>
<small>${order.description}</small></th>
<td class="number">${order.amount} ${order.currency}</td>
<td>${statusBadge(order.status)}</td>
<td class="wide">${order.refno ?? '–'}</td>
<td class="wide">${order.paidAt === null ? 'open' : 'paid'}</td>
</tr>
`;
}

function callbackCommands({ settings, hasDemoKeys }: AboutShop, orders: readonly OrderLine[]): Html {
  const order = orders.find(({ status }) => status === 'P') ?? orders[0];
  if (order === undefined) return html``;
  // A value that looks like a flag is taken for one, unless it hangs on its name.
  const which = order.txnid.startsWith('-') ? [`--txnid=${order.txnid}`] : ['--txnid', order.txnid];
  const command = (...flags: string[]) => demoCommand(settings, [...which, ...flags]);
  return html`<section aria-labelledby="callback">
<h2 id="callback">Send a signed callback</h2>
<p>As Dragonpay’s server would for <b>${order.txnid}</b>. Run it in the project’s folder${
    hasDemoKeys ? '' : ', with the DRAGONPAY_* variables of the shop'
  }, then reload this page.</p>
${copyable(command('--status', 'S'))}
<details>
<summary>Other callbacks</summary>
<p>The payer’s browser comes back:</p>
${copyable(command('--status', 'S', '--method', 'GET'))}
<p>The payment failed:</p>
${copyable(command('--status', 'F'))}
<p>Another amount than was asked for, which is not believed:</p>
${copyable(command('--status', 'S', '--amount', '1.00'))}
<p>The older proofs:</p>
${copyable(command('--status', 'S', '--proof', 'hmac'))}
${copyable(command('--status', 'S', '--proof', 'sha1'))}
</details>
</section>`;
}

function newOrder({ url }: AboutShop, refused: RefusedForm | undefined): Html {
  const details = JSON.stringify({ amount: '250.00', description: 'Two books', email: 'juan@example.com' });
  const curl = `curl -H 'Content-Type: application/json' -d ${shellQuote(details)} ${url}/transactions`;
  return html`<section aria-labelledby="new">
<h2 id="new">Make an order</h2>
${refused && html`<p role="alert" class="error">Not accepted: ${refused.message}.</p>`}
<form method="post" action="/transactions">
${field('description', 'What', 'Two books', refused, html`maxlength="128" required`)}
${field('amount', 'Amount in PHP', '250.00', refused, html`inputmode="decimal" maxlength="13" required`)}
${field('email', 'Email', 'juan@example.com', refused, html`type="email" maxlength="254" required`)}
${field('txnid', 'Transaction id (optional)', '', refused, html`maxlength="40" autocomplete="off"`)}
<button>Order</button>
</form>
<p>Or from a shell:</p>
${copyable(curl)}
</section>`;
}

function field(name: string, label: string, value: string, refused: RefusedForm | undefined, attributes: Html): Html {
  const shown = refused?.values[name] ?? value;
  return html`<label for="${name}">${label}</label><input id="${name}" name="${name}" value="${shown}" ${attributes}>`;
}

/** A click selects all of it. */
function copyable(command: string): Html {
  return html`<pre tabindex="0"><code>${command}</code></pre>`;
}
