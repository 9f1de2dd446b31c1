import { type Html, html } from '../../web/html.js';
import type { WebReply } from '../../web/router.js';
import { findChannel } from '../gateway/channels.js';
import type { TestGateway } from '../gateway/test-gateway.js';
import { field, formError, type RefusedForm } from './form.js';
import { controlPage } from './layout.js';
import { describeMisbehaviour } from './misbehaviour-form.js';
import { money, statusBadge, time } from './parts.js';

const id = html`maxlength="40" required autocomplete="off"`;
const amount = html`inputmode="decimal" maxlength="13" required`;

/** The payments and payouts, and forms that create them without a shop. */
export function overviewPage(
  gateway: TestGateway,
  live: 'moving' | 'still',
  refused: { readonly payment?: RefusedForm; readonly payout?: RefusedForm } = {},
): WebReply {
  const { ledger, account } = gateway;
  return controlPage(
    'Overview',
    html`<div id="state" data-live>${warnings(gateway)}
${list(
  'Payments',
  ledger.payments().map(({ txnid, ...row }) => ({ ...row, kind: 'payment', id: txnid })),
)}
${list(
  'Payouts',
  ledger.payouts().map(({ merchantTxnId, ...row }) => ({ ...row, kind: 'payout', id: merchantTxnId })),
)}</div>
<section class="card" aria-labelledby="new-payment"><h2 id="new-payment">Create a payment</h2>
<p class="quiet">Shops call <code>POST /api/collect/v1/{txnid}/post</code>, or link to <code>/Pay.aspx</code>.</p>
<form method="post" action="/payments" class="form">
${formError(['txnid', 'amount', 'description'], refused.payment)}
${field({ name: 'txnid', label: 'Order number', attributes: id }, refused.payment)}
${field({ name: 'amount', label: 'Amount in PHP', value: '250.00', attributes: amount }, refused.payment)}
${field({ name: 'description', label: 'Description', value: 'Two books', attributes: html`maxlength="128"` }, refused.payment)}
<p class="actions"><button class="primary">Create payment</button></p></form></section>
<section class="card" aria-labelledby="new-payout"><h2 id="new-payout">Create a payout</h2>
<form method="post" action="/payouts" class="form">
${formError(['merchantTxnId', 'amount'], refused.payout)}
${field({ name: 'merchantTxnId', label: 'Payout number', attributes: id }, refused.payout)}
${field({ name: 'amount', id: 'payout-amount', label: 'Amount in PHP', value: '250.00', attributes: amount }, refused.payout)}
<p class="actions"><button>Create payout</button></p></form></section>`,
    {
      section: '/',
      live,
      status: refused.payment?.status ?? refused.payout?.status ?? 200,
      aside: html`<p class="quiet">Merchant <strong>${account.merchantId}</strong></p>`,
    },
  );
}

function warnings({ urls, misbehaviours }: TestGateway): Html {
  const wrong = describeMisbehaviour(misbehaviours.get());
  const single = misbehaviours.ids();
  return html`${
    urls.postbackUrl === undefined &&
    html`<p class="notice open card">No postback URL is registered. <a href="/settings">Register one</a>.</p>`
  }${
    (wrong !== '' || single.length > 0) &&
    html`<p class="notice open card">The sandbox misbehaves: ${wrong || `for ${single.join(', ')}`}. <a href="/misbehaviour">Change this</a>.</p>`
  }`;
}

const maximumLength = 100;

interface Row {
  readonly kind: 'payment' | 'payout';
  readonly id: string;
  readonly amount: string;
  readonly currency: string;
  readonly description: string;
  readonly status: string;
  readonly procid: string;
  readonly createdAt: Date;
}

function list(title: string, rows: readonly Row[]): Html {
  const name = title.toLowerCase();
  const older = rows.length - maximumLength;
  const body =
    rows.length === 0
      ? html`<p class="empty">No ${name} yet.</p>`
      : html`<ul class="rows">${rows.slice(0, maximumLength).map(line)}</ul>
${older > 0 && html`<p class="quiet">${older} older ${name} are not shown.</p>`}`;
  return html`<section class="card" aria-labelledby="${name}"><h2 id="${name}">${title}</h2>
${body}</section>
`;
}

function line({ kind, id, amount, currency, description, status, procid, createdAt }: Row): Html {
  const facts = [description, findChannel(procid)?.name ?? procid].filter((fact) => fact !== '').join(' · ');
  return html`<li><div><a id="${kind}-${id}" href="/${kind}s/${encodeURIComponent(id)}">${id}</a>
<small>${facts !== '' && html`${facts} · `}${time(createdAt)}</small></div>
<span class="number">${money(amount, currency)}</span> ${statusBadge(kind, status)}</li>
`;
}
