import { html } from '../../web/html.js';
import type { WebReply } from '../../web/router.js';
import type { TestGateway } from '../gateway/test-gateway.js';
import type { RegisteredUrls } from '../sandbox-options.js';
import { field, type RefusedForm } from './form.js';
import { controlPage } from './layout.js';

/** The URLs of callbacks, and the keys that sign them. */
export async function settingsPage(gateway: TestGateway, refused?: RefusedForm): Promise<WebReply> {
  const { urls, keys, account, url } = gateway;
  const { merchantId, proofs, postbackMethod } = account;
  const urlField = (name: keyof RegisteredUrls, label: string, hint: string) =>
    field({ name, label, hint, value: urls[name], attributes: html`type="url"` }, refused);
  const rows = (await keys.list()).map(
    (
      { value, status },
      index,
    ) => html`<tr><td><span class="status ${status === 'Active' ? 'good' : 'bad'}">${status}</span></td>
<td>${index === 0 ? 'signs callbacks' : ''}</td><td class="mono">${value.slice(44, 76)}…</td></tr>
`,
  );
  return controlPage(
    'Settings',
    html`<section class="card" aria-labelledby="urls"><h2 id="urls">Callback URLs</h2>
<form method="post" action="/settings/urls" class="form">
${urlField('postbackUrl', 'Postback URL', `Called by ${postbackMethod}`)}
${urlField('returnUrl', 'Return URL', 'The payer’s browser goes there')}
${urlField('payoutPostbackUrl', 'Payout postback URL', `Called by ${postbackMethod}`)}
<p class="actions"><button class="primary">Save</button></p></form></section>
<section class="card stack" aria-labelledby="keys"><h2 id="keys">RSA keys</h2>
<p class="quiet">Listed at <code>${url}/api/collect/v1/keys/callback</code>, with the API key.</p>
<table><thead><tr><th scope="col">Status</th><th scope="col">Use</th><th scope="col">Public key</th></tr></thead>
<tbody>${rows}</tbody></table>
<form method="post" action="/settings/keys" class="actions">
<button name="previous" value="Revoked">New key, revoke the current one</button>
<button name="previous" value="Active">New key, keep the current one Active</button></form></section>
<section class="card" aria-labelledby="merchant"><h2 id="merchant">Merchant</h2>
<dl class="facts"><dt>Merchant id</dt><dd>${merchantId}</dd><dt>Gateway</dt><dd><code>${url}</code></dd>
<dt>Proofs of payments</dt><dd>${proofs.join(', ')}</dd></dl></section>`,
    { section: '/settings', status: refused?.status ?? 200 },
  );
}
