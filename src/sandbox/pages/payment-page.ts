import { isOpen } from '../../protocol/statuses.js';
import { type Html, html } from '../../web/html.js';
import type { WebReply } from '../../web/router.js';
import { type Channel, type ChannelKind, channels, findChannel } from '../gateway/channels.js';
import type { SandboxPayment } from '../gateway/ledger.js';
import { payerPage } from './layout.js';
import { money } from './parts.js';

/** The data of a payment page. */
export interface PaymentView {
  readonly payment: SandboxPayment;
  readonly merchantId: string;
  /** The return URL with the current status. */
  readonly returnUrl: string | undefined;
}

/** The page of a payment: the choice of a channel, the steps at that channel, or the outcome. */
export function paymentPage(view: PaymentView, choosesAgain: boolean): WebReply {
  const channel = findChannel(view.payment.procid);
  if (!isOpen('payment', view.payment.status)) return closedPage(view);
  if (channel === undefined || choosesAgain) return channelPage(view);
  return channel.kind === 'counter' ? counterPage(view, channel) : outcomePage(view, channel);
}

const kinds: ReadonlyArray<readonly [ChannelKind, string, string]> = [
  ['online', 'Online bank', 'Paid at once, on the bank’s site'],
  ['counter', 'Over the counter', 'You get a reference number and pay at a branch'],
  ['wallet', 'E-wallet', 'Paid at once, in the wallet’s app'],
];

function channelPage(view: PaymentView): WebReply {
  const { procid, token } = view.payment;
  const chosen = findChannel(procid)?.procid ?? channels[0]?.procid;
  const groups = kinds.map(
    ([kind, name, hint]) => html`<fieldset><legend>${name} <small>${hint}</small></legend>
${channels
  .filter((channel) => channel.kind === kind)
  .map(
    (channel) => html`<label class="choice"><input type="radio" name="procid" value="${channel.procid}"${
      channel.procid === chosen && html` checked`
    }><span>${channel.name}</span><span class="tag" aria-hidden="true">${channel.procid}</span></label>
`,
  )}</fieldset>
`,
  );
  return withBill(
    view,
    'Choose how to pay',
    html`<form method="post" action="/Pay.aspx" class="stack">
<input type="hidden" name="tokenid" value="${token}">
${groups}
<p class="actions"><button class="primary" name="step" value="channel">Continue</button>
<button name="step" value="cancel">Cancel</button></p>
</form>`,
  );
}

function outcomePage(view: PaymentView, channel: Channel): WebReply {
  const { amount, currency } = view.payment;
  const where = channel.kind === 'wallet' ? 'approve it in the app' : 'sign in and approve it';
  return withBill(
    view,
    channel.name,
    html`<p>On the real page the payer would now ${where}. Here you choose the outcome.</p>
${outcomeForm(
  view,
  html`<button class="primary" name="step" value="pay">Pay ${money(amount, currency)}</button>
<button name="step" value="fail">Fail the payment</button>
<button name="step" value="cancel">Cancel</button>
<button name="step" value="later">Pay later</button>`,
)}
${otherChannel(view)}`,
  );
}

function counterPage(view: PaymentView, channel: Channel): WebReply {
  const { refno, amount, currency } = view.payment;
  return withBill(
    view,
    `Pay at a ${channel.name}`,
    html`<p class="reference">Reference number <b>${refno}</b></p>
<ol class="steps">
<li>Go to any ${channel.name}.</li>
<li>Show the reference number.</li>
<li>Pay <strong>${money(amount, currency)}</strong> in cash.</li>
</ol>
<p>The shop is notified that the payment is pending. On the real gateway it takes hours or days; here you choose when it
arrives.</p>
${outcomeForm(
  view,
  html`<button class="primary" name="step" value="pay">The payment arrives at the counter</button>
<button name="step" value="fail">Fail the payment</button>
<button name="step" value="void">Void the payment</button>`,
)}
${backToShop(view, '')}
${otherChannel(view)}`,
  );
}

function outcomeForm({ payment }: PaymentView, buttons: Html): Html {
  return html`<form method="post" action="/Pay.aspx" class="outcomes">
<input type="hidden" name="tokenid" value="${payment.token}">
${buttons}
</form>`;
}

const endings: Readonly<Record<string, string>> = {
  S: 'Payment successful',
  F: 'The payment did not succeed',
  V: 'The payment was voided',
  R: 'The payment was refunded',
  K: 'The payment was charged back',
  E: 'The payment has expired',
};

const check = html`<path d="m4 12.5 5.5 5.5L20 6.5"/>`;
const cross = html`<path d="M5 5l14 14M19 5 5 19"/>`;

function closedPage(view: PaymentView): WebReply {
  const { status, message, txnid } = view.payment;
  const [tone, shape] = status === 'S' ? ['good', check] : ['bad', cross];
  const mark = html`<svg class="${tone}" viewBox="0 0 24 24" aria-hidden="true" focusable="false" fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round" stroke-linejoin="round">${shape}</svg>`;
  return withBill(
    view,
    endings[status] ?? 'The payment is closed',
    html`<p class="quiet">${message}</p>
${backToShop(view, 'primary')}
<p><a href="/payments/${encodeURIComponent(txnid)}">Show its postbacks</a></p>`,
    mark,
  );
}

function backToShop({ returnUrl, merchantId }: PaymentView, look: string): Html {
  if (returnUrl === undefined)
    return html`<p class="quiet">No return URL is registered, so there is no link back to the shop.</p>`;
  return html`<p><a class="button ${look}" href="${returnUrl}">Return to ${merchantId}</a></p>`;
}

function otherChannel({ payment }: PaymentView): Html {
  return html`<p><a href="/Pay.aspx?tokenid=${payment.token}&amp;choose">Choose another channel</a></p>`;
}

function withBill({ payment, merchantId }: PaymentView, title: string, content: Html, mark?: Html): WebReply {
  const { amount, currency, description, refno, txnid, email } = payment;
  return payerPage(
    title,
    html`<section class="card bill stack" aria-label="Your payment">
<p><span class="quiet">Pay to</span> <strong>${merchantId}</strong></p>
<p class="amount">${money(amount, currency)}</p>
<dl class="facts">
${description !== '' && html`<dt>For</dt><dd>${description}</dd>`}
<dt>Order number</dt><dd>${txnid}</dd>
<dt>Reference number</dt><dd class="mono">${refno}</dd>
${email !== '' && html`<dt>Email</dt><dd>${email}</dd>`}
</dl>
</section>
<section class="card stack" aria-labelledby="title">
<div class="ending">${mark}<h1 id="title">${title}</h1></div>
${content}
</section>`,
  );
}

/** The page for a refused request. */
export function paymentRefused(status: number, message: string): WebReply {
  return payerPage(
    'This payment cannot be opened',
    html`<section class="card stack" aria-labelledby="title">
<h1 id="title">This payment cannot be opened</h1>
<p class="notice bad">${message}</p>
<p>Nothing was charged. Please go back to the shop and try again.</p>
</section>`,
    status,
  );
}
