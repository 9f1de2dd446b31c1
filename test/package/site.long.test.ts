import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import { expectAccessible, launchBrowser } from '../support/browser.js';
import { root } from '../support/program.js';

const html = join(root, 'site/.build/html');
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};

/** Serves the built site, with pages at their path without `.html`. */
async function serveSite(): Promise<Server> {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const names = pathname.endsWith('/') ? [`${pathname}index.html`] : [pathname, `${pathname}.html`];
    for (const name of names) {
      const content = await readFile(join(html, name)).catch(() => undefined);
      if (content === undefined) continue;
      response.writeHead(200, { 'content-type': types[extname(name)] ?? 'application/octet-stream' }).end(content);
      return;
    }
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

describe('The documentation site', () => {
  let server: Server;
  let browser: Browser | undefined;
  let page: Page;
  let url: string;

  before(async function () {
    this.timeout(240_000);
    // Fails for warnings, dead links and dead anchors.
    execFileSync('npm', ['run', '--silent', 'docs:build'], { cwd: root, stdio: 'pipe' });
    browser = await launchBrowser();
    if (browser === undefined) return this.skip();
    server = await serveSite();
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    page = await browser.newPage();
  });

  after(async () => {
    await browser?.close();
    server?.close();
  });

  for (const path of ['/', '/handlers', '/errors', '/performance', '/reference/']) {
    it(`has no axe violations at ${path}, on two screens, light and dark`, async () => {
      await page.goto(url + path);
      await expectAccessible(page);
    });
  }

  /** Searches of a user, and the page that must be found. */
  const questions: ReadonlyArray<[query: string, page: RegExp]> = [
    ['proof-mismatch', /errors|verification/],
    ['keepUp', /going-live|reconciliation|settings/],
    ['duplicate callback', /once-and-in-order|storage|handlers/],
    ['refund', /recipes/],
    ['pool exhausted', /storage|errors/],
    ['body parser', /mounting/],
    ['rotate keys', /verification/],
    ['Inversify', /dependency-injection/],
    ['prune', /going-live|storage/],
    ['OnDispatch', /handlers/],
  ];
  for (const [query, answer] of questions) {
    it(`finds a page for "${query}"`, async () => {
      await page.goto(url);
      await page.getByRole('button', { name: 'Search' }).first().click();
      await page.getByRole('searchbox').fill(query);
      await page.locator('.results .result').first().waitFor();
      const found = await page
        .locator('.results .result')
        .evaluateAll((links) => links.slice(0, 5).map((link) => (link as unknown as { href: string }).href));
      expect(
        found.some((link) => answer.test(link)),
        found.join('\n'),
      ).to.equal(true);
    });
  }
});
