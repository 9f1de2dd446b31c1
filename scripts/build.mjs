/**
 * Builds the package into `dist`. esbuild bundles the JavaScript by entry point, with shared chunks: a process that
 * imports an entry point reads a handful of files instead of more than a hundred. Source maps name the files of the
 * repository. The declarations come from tsc, one for each source file.
 *
 * `node scripts/build.mjs FOLDER` builds into another folder.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const outdir = resolve(process.argv[2] ?? join(root, 'dist'));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const executables = Object.values(manifest.bin);
const entries = [
  ...Object.values(manifest.exports).flatMap((target) => (typeof target === 'string' ? [] : [target.default])),
  ...executables,
];

rmSync(outdir, { recursive: true, force: true });
execFileSync(
  process.execPath,
  [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--outDir', outdir],
  {
    cwd: root,
    stdio: 'inherit',
  },
);
await build({
  absWorkingDir: root,
  // `./dist/src/index.js` is built from `src/index.ts`.
  entryPoints: entries.map((entry) => entry.replace(/^(?:\.\/)?dist\//, '').replace(/\.js$/, '.ts')),
  outbase: '.',
  outdir,
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
});
for (const executable of executables) chmodSync(join(outdir, executable.replace(/^dist\//, '')), 0o755);
