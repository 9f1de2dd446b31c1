import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Checks that every link between pages leads to a page, and every anchor to an element. Returns the dead links. */
export function deadLinks(folder) {
  const files = readdirSync(folder, { recursive: true }).map(String);
  const pages = new Map(
    files
      .filter((file) => file.endsWith('.html'))
      .map((file) => {
        const html = readFileSync(join(folder, file), 'utf8');
        const anchors = [...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => decode(id));
        const links = [...html.matchAll(/<(?:a|img)\s[^>]*?(?:href|src)="([^"]*)"/g)].map(([, link]) => decode(link));
        return [file, { anchors: new Set(anchors), links }];
      }),
  );
  const known = new Set(files);
  const dead = [];
  for (const [file, { links }] of pages) {
    for (const link of links) {
      if (/^(?:[a-z]+:|\/\/)/i.test(link)) continue;
      const [path, anchor] = link.split('#');
      const target = path === '' ? file : relative('/', join('/', path.startsWith('/') ? '' : dirname(file), path));
      const page = [target, `${target}.html`, join(target, 'index.html')].find((each) => known.has(each));
      const isDead =
        page === undefined || (anchor && pages.has(page) && !pages.get(page).anchors.has(decodeURIComponent(anchor)));
      if (isDead) dead.push(`${file}: ${link}`);
    }
  }
  if (pages.size === 0) dead.push('there are no pages');
  return dead;
}

function decode(text) {
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}
