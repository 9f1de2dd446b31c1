/**
 * Builds the documentation site into `site/.build/html`, and fails for warnings and dead links. `--serve` serves the
 * pages while you edit.
 */
import { join } from 'node:path';
import { build as buildPages, createServer } from 'vitepress';
import { deadLinks } from './check-links.mjs';
import { build, collectPages } from './collect-pages.mjs';

await collectPages();
if (process.argv.includes('--serve')) {
  const server = await createServer(import.meta.dirname);
  await server.listen();
  server.printUrls();
} else {
  await buildPages(import.meta.dirname);
  const dead = deadLinks(join(build, 'html'));
  for (const link of dead) console.error(`dead link in ${link}`);
  process.exitCode = dead.length > 0 ? 1 : 0;
}
