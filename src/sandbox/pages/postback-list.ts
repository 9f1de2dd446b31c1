import { type Html, html } from '../../web/html.js';
import type { Postback, PostbackCause } from '../gateway/postback-log.js';
import { statusBadge, time } from './parts.js';

const causes: Readonly<Record<PostbackCause, string>> = {
  status: '',
  copy: 'copy',
  contradict: 'contradiction',
  resend: 'resent',
  'by-hand': 'sent by hand',
};

const maximumLength = 100;

/** A list of postbacks, at most 100. Each unfolds to show what was sent and answered. */
export function postbackList(postbacks: readonly Postback[]): Html {
  if (postbacks.length === 0) return html`<p class="empty">No postback yet. Each status change sends one.</p>`;
  const older = postbacks.length - maximumLength;
  return html`<ol class="plain log">${postbacks.slice(0, maximumLength).map(entry)}</ol>
${older > 0 && html`<p class="quiet">${older} older postbacks are not shown.</p>`}`;
}

function entry(postback: Postback): Html {
  const { id, kind, subject, status, cause, method, url, at } = postback;
  return html`<li id="postback-${id}"><details id="details-${id}">
<summary id="summary-${id}">${statusBadge(kind, status)}
<span><strong>${subject}</strong>${causes[cause] !== '' && html` <span class="tag">${causes[cause]}</span>`}</span>
<span class="result">${result(postback)}</span>
<span class="where">#${id} · ${time(at)}${url !== '' && html` · ${method} ${url}`}</span></summary>
<div class="inside stack">
${answer(postback)}
<section><h3>Fields</h3>
<table class="fields"><tbody>${Object.entries(postback.fields).map(
    ([name, value]) =>
      html`<tr><th scope="row">${name}</th><td class="mono">${value === '' ? html`<span class="quiet">empty</span>` : value}</td></tr>`,
  )}</tbody></table></section>
<section><h3>Signed text</h3>
${Object.entries(postback.signedTexts).map(([algorithm, text]) => signedText(algorithm, text))}</section>
<form method="post" action="/postbacks/${id}/resend"><button class="small" id="resend-${id}">Send again</button></form>
</div>
</details></li>
`;
}

/** The result in a few words. */
function result({ state, answer, error, acknowledged, milliseconds }: Postback): Html {
  const took = milliseconds === undefined ? '' : ` · ${milliseconds} ms`;
  switch (state) {
    case 'waiting':
      return html`<span class="status open">waiting</span>`;
    case 'sending':
      return html`<span class="status open">sending</span>`;
    case 'dropped':
      return html`<span class="status open">not sent: ${error}</span>`;
    case 'failed':
      return html`<span class="status bad">no answer${took}</span>`;
    case 'answered': {
      const tone = !acknowledged ? 'bad' : isExpected(answer?.body) ? 'good' : 'open';
      return html`<span class="status ${tone}">${answer?.status} ${firstLine(answer?.body)}${took}</span>`;
    }
  }
}

function answer({ answer, error, acknowledged, state }: Postback): Html {
  if (state === 'failed') return html`<p class="notice bad">No answer: ${error}</p>`;
  if (answer === undefined) return html``;
  const advice = !acknowledged
    ? html`<p>An answer other than 2xx means that the update was not stored.</p>`
    : isExpected(answer.body)
      ? html``
      : html`<p>Dragonpay expects the text <code>result=OK</code>.</p>`;
  return html`<section><h3>Answer</h3>
<p>${answer.status}${answer.contentType !== '' && html`, <code>${answer.contentType}</code>`}</p>
<pre>${answer.body === '' ? 'empty' : answer.body}</pre>${advice}</section>`;
}

function isExpected(body = ''): boolean {
  return body.trim() === 'result=OK';
}

function firstLine(body = ''): string {
  const line = body.trim().split('\n', 1)[0] ?? '';
  return line.length > 40 ? `${line.slice(0, 39)}…` : line;
}

const proofNames: Readonly<Record<string, readonly [field: string, name: string]>> = {
  rsa: ['signatures', 'RSA-SHA256 of this text'],
  hmac: ['signature', 'HMAC-SHA256 of this text'],
  sha1: ['digest', 'SHA-1 of this text, a colon and the secret key'],
};

function signedText(algorithm: string, text = ''): Html {
  const [field = '', name = ''] = proofNames[algorithm] ?? [];
  return html`<p><code>${field}</code> <span class="quiet">${name}</span></p>
<pre>${text}</pre>
`;
}
