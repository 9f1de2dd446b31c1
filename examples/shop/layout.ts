import { type Html, html } from './html.js';

/** The parts of a page. */
export interface PageParts {
  readonly title: string;
  /** The path from which `live.js` updates the page. Without this path, the page does not update itself. */
  readonly source?: string;
  readonly content: Html;
}

/** Creates a whole page. */
export function layout({ title, source, content }: PageParts): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} – Kape at Papel</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css">
${source && html`<script src="/live.js" defer data-source="${source}"></script>`}
</head>
<body>
<header class="site">
<a class="brand" href="/">${logo}<span>Kape at Papel</span></a>
<p>This is a demo. Nothing is sold here.</p>
</header>
<main>
${content}
</main>
${source && html`<p class="unseen" role="status" id="news"></p>`}
</body>
</html>
`.text;
}

const logo = html`<svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
<rect width="32" height="32" rx="9" fill="var(--accent)"/>
<path d="M8 12h13v7a5 5 0 0 1-5 5h-3a5 5 0 0 1-5-5zM21 14h1.5a3 3 0 0 1 0 6H21" fill="none" stroke="var(--on-accent)" stroke-width="2" stroke-linejoin="round"/>
</svg>`;
