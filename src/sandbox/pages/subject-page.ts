import type { CallbackKind } from '../../protocol/kinds.js';
import { predecessors, type StatusRow, statuses } from '../../protocol/statuses.js';
import { type Html, html } from '../../web/html.js';
import type { WebReply } from '../../web/router.js';
import { findChannel } from '../gateway/channels.js';
import type { TestGateway } from '../gateway/test-gateway.js';
import type { RefusedForm } from './form.js';
import { controlPage } from './layout.js';
import { misbehaviourForm } from './misbehaviour-form.js';
import { money, statusBadge } from './parts.js';
import { postbackList } from './postback-list.js';

/** The page of a payment or payout: its details, buttons for its next status, its postbacks and its misbehaviour. */
export function subjectPage(
  gateway: TestGateway,
  kind: CallbackKind,
  id: string,
  live: 'moving' | 'still',
  refused?: RefusedForm,
): WebReply {
  const row = kind === 'payment' ? gateway.ledger.payment(id) : gateway.ledger.payout(id);
  const { refno, amount, currency, description, status, message, procid } = row;
  const path = `/${kind}s/${encodeURIComponent(id)}`;
  const postbacks = gateway.log.list().filter((postback) => postback.kind === kind && postback.subject === id);
  const page =
    'token' in row ? html`<p><a class="button" href="${gateway.paymentUrl(row)}">Open the payment page</a></p>` : '';
  return controlPage(
    `${kind === 'payment' ? 'Payment' : 'Payout'} ${id}`,
    html`<div id="state" data-live>
<section class="card stack" aria-labelledby="now"><h2 id="now">${statusBadge(kind, status)}</h2>
<dl class="facts">
<dt>Amount</dt><dd>${money(amount, currency)}</dd>
${description !== '' && html`<dt>Description</dt><dd>${description}</dd>`}
<dt>Reference number</dt><dd class="mono">${refno}</dd>
<dt>Channel</dt><dd>${procid === '' ? 'none yet' : (findChannel(procid)?.name ?? procid)}</dd>
<dt>Message</dt><dd>${message === '' ? 'none yet' : message}</dd>
</dl>
${statusButtons(path, kind, status)}
${page}</section>
<section class="card" aria-labelledby="postbacks"><h2 id="postbacks">Postbacks</h2>
${postbackList(postbacks)}</section></div>
<section class="card" aria-labelledby="misbehaviour"><h2 id="misbehaviour">Misbehaviour for this ${kind}</h2>
${misbehaviourForm(`${path}/misbehaviour`, gateway.misbehaviours.get(id), refused)}</section>`,
    { live, status: refused?.status ?? 200 },
  );
}

/** A button for each status. Statuses that must not follow are folded away, to test how the receiver handles them. */
function statusButtons(path: string, kind: CallbackKind, current: string): Html {
  const names = Object.entries(statuses[kind]);
  const mayFollow = (letter: string) => letter === current || predecessors(kind, letter).includes(current);
  const button = ([letter, { name }]: readonly [string, StatusRow]) =>
    html`<button class="small" id="settle-${letter}" name="status" value="${letter}">${letter} ${name}</button>
`;
  const others = names.filter(([letter]) => !mayFollow(letter));
  return html`<form method="post" action="${path}/settle" class="stack">
<fieldset><legend>Send a status</legend><p class="actions">${names.filter(([letter]) => mayFollow(letter)).map(button)}</p></fieldset>
${
  others.length > 0 &&
  html`<details id="others"><summary id="others-summary">Statuses that must not follow</summary><p class="actions">${others.map(button)}</p></details>`
}</form>`;
}
