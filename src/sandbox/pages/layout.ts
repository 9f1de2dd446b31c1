import { createHash } from 'node:crypto';
import { Html, html } from '../../web/html.js';
import type { WebReply } from '../../web/router.js';
import { style } from '../../web/style.js';
import { liveScript } from './live-script.js';

const sha256 = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
// There is no form-action: it would forbid the redirects from forms of the payment page to the shop's return URL.
const policy = [
  "default-src 'none'",
  `style-src ${sha256(style)}`,
  `script-src ${sha256(liveScript)}`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');
const headers = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': policy,
  // With no-referrer, browsers would send `Origin: null` with forms of this site.
  'Referrer-Policy': 'same-origin',
};

const shield = html`<svg viewBox="0 0 32 32" aria-hidden="true" focusable="false"><path fill="currentColor" d="M16 2 4 6.5v9C4 22.6 9 28 16 30c7-2 12-7.4 12-14.5v-9z"/><path fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round" d="m10.5 16 4 4 7.5-8"/></svg>`;

function document(title: string, kind: 'payer' | 'control', head: Html, body: Html, status: number): WebReply {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Dragonpay sandbox</title>
<link rel="icon" href="data:,">
<style>${new Html(style)}</style>
${head}
</head>
<body class="${kind}">
${body}
</body>
</html>
`;
  return { status, headers, body: page.markup };
}

/** A page for payers. */
export function payerPage(title: string, content: Html, status = 200): WebReply {
  return document(
    title,
    'payer',
    html``,
    html`<header>
<p class="banner"><strong>Sandbox.</strong> No real money moves here.</p>
<p class="top"><span class="brand">${shield} Dragonpay sandbox</span></p>
</header>
<main>
${content}
</main>
<footer><p>This is a local test gateway, not Dragonpay.
<a href="/">Control panel</a></p></footer>`,
    status,
  );
}

const sections = [
  ['/', 'Overview'],
  ['/postbacks', 'Postbacks'],
  ['/misbehaviour', 'Misbehaviour'],
  ['/settings', 'Settings'],
] as const;

/** Options of {@link controlPage}. */
export interface ControlPageOptions {
  /** The current entry of the navigation. */
  readonly section?: (typeof sections)[number][0];
  /** Shown beside the heading. */
  readonly aside?: Html;
  readonly status?: number;
  /** The page updates itself. Without a script, `moving` reloads it every five seconds, and `still` does not. */
  readonly live?: 'moving' | 'still';
}

/** A page of the control panel. */
export function controlPage(title: string, content: Html, options: ControlPageOptions = {}): WebReply {
  const { section, aside, status = 200, live } = options;
  const head = html`${live === 'moving' && html`<noscript><meta http-equiv="refresh" content="5"></noscript>`}`;
  const entries = sections.map(
    ([path, name]) => html`<li><a href="${path}"${path === section && html` aria-current="page"`}>${name}</a></li>`,
  );
  const withoutScript =
    live === 'moving'
      ? html`<noscript><p class="quiet">This page reloads every five seconds. <a href="?still">Stop reloading</a>.</p></noscript>`
      : html`<noscript><p class="quiet">This page does not update itself. <a href="?moving">Reload it every five seconds</a>.</p></noscript>`;
  return document(
    title,
    'control',
    head,
    html`<a class="skip" href="#main">Skip to the content</a>
<header>
<p class="banner"><strong>Sandbox.</strong> No real money moves here.</p>
<div class="top"><div><span class="brand">${shield} Dragonpay sandbox</span>
<nav aria-label="Control panel"><ul>${entries}</ul></nav></div></div>
</header>
<main id="main">
<div class="head"><h1>${title}</h1>${aside}</div>
${live !== undefined && withoutScript}
${content}
</main>
${live !== undefined && html`<script>${new Html(liveScript)}</script>`}`,
    status,
  );
}
