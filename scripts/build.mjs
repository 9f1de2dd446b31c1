/**
 * Builds the package into `dist`. esbuild bundles the JavaScript by entry point, with shared chunks: a process that
 * imports an entry point reads a handful of files instead of more than a hundred. Source maps name the files of the
 * repository. The declarations come from tsc, one for each source file.
 *
 * `node scripts/build.mjs FOLDER` builds into another folder.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const outdir = resolve(process.argv[2] ?? join(root, 'dist'));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const executables = Object.values(manifest.bin);
const entries = [
  ...Object.values(manifest.exports).flatMap((target) => (typeof target === 'string' ? [] : [target.default])),
  ...executables,
];
// `./dist/src/index.js` is built from `src/index.ts`.
const entryPoints = entries.map((entry) => entry.replace(/^(?:\.\/)?dist\//, '').replace(/\.js$/, '.ts'));
const main = 'src/index.ts';

/**
 * Makes each entry point that shares files with the main one import the main one. All files of the main entry point are
 * then in one chunk. Otherwise esbuild makes a chunk for each set of entry points that share a file, and each file
 * costs an import about a millisecond. To esbuild, a file that is imported later is an entry point, too. HTTP adapters
 * and telemetry import the main entry point themselves.
 */
const oneMainChunk = {
  name: 'one-main-chunk',
  setup({ onLoad, onResolve }) {
    const sharing = entryPoints.filter((entry) => !/^adapters\/(?:http|telemetry)\//.test(entry));
    const paths = new Set(sharing.map((entry) => join(root, entry)));
    onResolve({ filter: /^\./ }, ({ kind, path, resolveDir }) => {
      if (kind === 'dynamic-import') paths.add(join(resolveDir, path.replace(/\.js$/, '.ts')));
      return undefined;
    });
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      if (!paths.has(path) || path === join(root, main)) return undefined;
      const [, hashbang = '', code] = /^(#!.*\n)?(.*)$/s.exec(readFileSync(path, 'utf8'));
      // Added to the first line, so that the lines of the source map stay right.
      return { contents: `${hashbang}import 'main'; ${code}`, loader: 'ts', resolveDir: dirname(path) };
    });
    onResolve({ filter: /^main$/ }, () => ({ path: join(root, main) }));
  },
};

/**
 * The packages of which yup consists. They become a part of this package: nothing else could load them later, also in a
 * bundle.
 */
const bundled = ['yup', 'property-expr', 'tiny-case', 'toposort'];
const lateYup = {
  name: 'late-yup',
  setup({ onLoad, onResolve }) {
    onLoad({ filter: /\/load-yup\.ts$/ }, ({ path }) => ({
      contents: 'export function loadYup() { return require("yup"); }',
      loader: 'ts',
      resolveDir: dirname(path),
    }));
    const require = createRequire(createRequire(import.meta.url).resolve('yup'));
    const names = bundled.join('|');
    onResolve({ filter: new RegExp(`^(?:${names})$`) }, ({ path }) => ({ path: require.resolve(path) }));
    // Minified, because every program that imports the package reads this code.
    onLoad({ filter: new RegExp(`/node_modules/(?:${names})/`) }, async ({ path }) => ({
      contents: (await transform(readFileSync(path, 'utf8'), { minifyWhitespace: true, minifySyntax: true })).code,
    }));
  },
};

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
  entryPoints,
  outbase: '.',
  outdir,
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  // `sideEffects` of package.json would leave out the imports of the main entry point.
  ignoreAnnotations: true,
  plugins: [oneMainChunk, lateYup],
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
});
writeFileSync(join(outdir, 'chunks/LICENSES.txt'), bundled.map(licenseOf).join('\n'));
for (const executable of executables) chmodSync(join(outdir, executable.replace(/^dist\//, '')), 0o755);

/** The licence of a package that is a part of this one, with its name and version. */
function licenseOf(name) {
  const folder = join(root, 'node_modules', name);
  const { version, license, author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((found) => /^license/i.test(found));
  const text = file === undefined ? `By ${author?.name ?? author}\n` : readFileSync(join(folder, file), 'utf8');
  return `${name} ${version} (${license})\n\n${text}`;
}
