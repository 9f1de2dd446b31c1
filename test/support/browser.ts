import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import axe from 'axe-core';
import { expect } from 'chai';
import { type Browser, chromium, type Page } from 'playwright-core';

/** Widths of a desktop and of a phone, in CSS pixels. */
export const screens = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };

export const colorSchemes = ['dark', 'light'] as const;

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The Chromium on the PATH; `undefined` where there is none. */
function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
}

/**
 * Starts the Chromium of this machine; `undefined` where there is none.
 * @throws Error where there is none and `CI` says that nothing may be left out
 */
export async function launchBrowser(): Promise<Browser | undefined> {
  const executablePath = findChromium();
  if (executablePath !== undefined) return chromium.launch({ executablePath });
  if (process.env.CI) throw new Error('no Chromium is on the PATH');
  return undefined;
}

/** Fails where axe finds something on the page, or it has to be scrolled sideways: on both screens, light and dark. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  for (const [screen, size] of Object.entries(screens)) {
    await page.setViewportSize(size);
    for (const colorScheme of colorSchemes) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      const where = `${page.url()} on a ${screen}, ${colorScheme}`;
      const { violations } = (await page.evaluate('axe.run({ resultTypes: ["violations"] })')) as axe.AxeResults;
      const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
      expect(found, where).to.deep.equal([]);
    }
    const excess = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
    expect(excess, `${page.url()} on a ${screen} is too wide by`).to.be.at.most(0);
  }
}
