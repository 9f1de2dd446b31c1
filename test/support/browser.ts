import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import axe from 'axe-core';
import { expect } from 'chai';
import { type Browser, chromium, type Page } from 'playwright-core';

/** Viewports of a desktop and a phone, in CSS pixels. */
export const screens = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };

export const colorSchemes = ['dark', 'light'] as const;

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Finds Chromium or Chrome on the `PATH`. */
function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
}

/**
 * Starts the Chromium of this machine. Returns `undefined` if there is none.
 * @throws Error if there is none and `CI` is set, because CI must not skip tests
 */
export async function launchBrowser(): Promise<Browser | undefined> {
  const executablePath = findChromium();
  if (executablePath !== undefined) return chromium.launch({ executablePath });
  if (process.env.CI) throw new Error('no Chromium is on the PATH');
  return undefined;
}

/** Fails on axe violations and on sideways scrolling. Checks both viewports, light and dark. */
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
