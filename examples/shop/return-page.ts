import type { PayoutRow, TransactionRow } from 'dragonpay-callback';
import { html } from './html.js';
import { layout, statusBadge } from './layout.js';

/** What the payer sees after paying: the row as it is stored, whatever the URL said. */
export function returnPage(row: TransactionRow | PayoutRow | undefined | 'unreadable'): string {
  const back = html`<p><a href="/">Back to the shop</a></p>`;
  if (row === 'unreadable') {
    const what = html`<h1>This link cannot be read</h1><p>It was changed on its way. Please check your email.</p>`;
    return layout('This link cannot be read', html`${what}${back}`);
  }
  if (row === undefined) {
    return layout('Unknown payment', html`<h1>We do not know this payment</h1><p>Please contact us.</p>${back}`);
  }
  const title = titles[row.status] ?? 'Please check your email';
  return layout(
    title,
    html`<h1>${title}</h1>
<dl>
<dt>Payment</dt><dd>${'txnid' in row ? row.txnid : row.merchantTxnId}</dd>
<dt>Amount</dt><dd>${row.amount} ${row.currency}</dd>
<dt>Status</dt><dd>${statusBadge(row.status)}</dd>
</dl>
${back}`,
  );
}

const titles: Readonly<Record<string, string>> = {
  S: 'Thank you, your payment has arrived',
  P: 'We are waiting for your payment',
  F: 'Your payment did not succeed',
};
