import { type Html, html } from './html.js';

/** A whole page. */
export function layout(title: string, content: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css">
</head>
<body>
<main>
${content}
</main>
</body>
</html>
`.text;
}

const statusNames: Readonly<Record<string, [name: string, tone: 'good' | 'bad' | 'open']>> = {
  S: ['success', 'good'],
  F: ['failure', 'bad'],
  P: ['pending', 'open'],
  U: ['unknown', 'open'],
  R: ['refund', 'bad'],
  K: ['chargeback', 'bad'],
  V: ['void', 'bad'],
  A: ['authorized', 'open'],
  E: ['expired', 'bad'],
  G: ['in progress', 'open'],
  H: ['on hold', 'open'],
};

/** A status letter with its name. */
export function statusBadge(letter: string): Html {
  const [name, tone] = statusNames[letter] ?? ['not known', 'open'];
  return html`<span class="status ${tone}"><b>${letter}</b> ${name}</span>`;
}
