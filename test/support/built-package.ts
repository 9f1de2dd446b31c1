import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, mkdtemp, readdir, realpath, rm, rmdir, stat, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The folder of this package. */
export const packageFolder = fileURLToPath(new URL('../..', import.meta.url));

const require = createRequire(import.meta.url);

/** The supported compilers: the JavaScript file of each command. */
export const compilers = {
  'TypeScript 7': join(dirname(require.resolve('typescript/package.json')), 'bin/tsc'),
  'TypeScript 5.9': join(dirname(require.resolve('typescript5/package.json')), 'bin/tsc'),
} as const;

/** The output and the exit code of a program. */
export interface Outcome {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program until it exits. Never rejects. */
export function run(command: string, args: readonly string[], cwd: string): Promise<Outcome> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(command, args, { cwd, env, maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? 'killed'), stdout, stderr });
    });
  });
}

/** Runs a JavaScript file with the Node that runs this test. */
export function runNode(args: readonly string[], cwd: string): Promise<Outcome> {
  return run(process.execPath, args, cwd);
}

/** Returns the stdout of a program that must succeed. */
export async function succeed(outcome: Promise<Outcome>): Promise<string> {
  const { code, stdout, stderr } = await outcome;
  if (code !== 0) throw new Error(`ended with ${code}\n${stdout}${stderr}`);
  return stdout;
}

/** A temporary project with this package, built from the current sources. */
export interface BuiltProject {
  readonly folder: string;
  remove(): Promise<void>;
}

/** Whether `dist` is newer than all that it is built from, as in `npm test`, which builds it first. */
async function isBuilt(): Promise<boolean> {
  const built = await stat(join(packageFolder, 'dist/src/index.js')).catch(() => undefined);
  if (built === undefined) return false;
  const sources = ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts/build.mjs'];
  for (const folder of ['src', 'adapters']) {
    // Folders are among the names: the time of a folder tells that a file of it was deleted.
    const names = await readdir(join(packageFolder, folder), { recursive: true });
    sources.push(folder, ...names.map((name) => join(folder, name)));
  }
  const changed = await Promise.all(sources.map(async (path) => (await stat(join(packageFolder, path))).mtimeMs));
  return Math.max(...changed) < built.mtimeMs;
}

/**
 * Puts this package into the `node_modules` of a new temporary folder. Builds it there if `dist` is stale. The packages
 * of `dependencies` are linked from this checkout.
 */
export async function buildIntoProject(dependencies: readonly string[]): Promise<BuiltProject> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'dragonpay-callback-built-')));
  const installed = join(folder, 'node_modules', 'dragonpay-callback');
  await mkdir(installed, { recursive: true });
  const dist = join(installed, 'dist');
  await alone(async () => {
    if (await isBuilt()) await cp(join(packageFolder, 'dist'), dist, { recursive: true });
    else await succeed(runNode([join(packageFolder, 'scripts/build.mjs'), dist], packageFolder));
  });
  await copyFile(join(packageFolder, 'package.json'), join(installed, 'package.json'));
  for (const name of dependencies) {
    const link = join(folder, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(packageFolder, 'node_modules', name), link, 'junction');
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Packs this package into a folder, and returns the path of the tarball. Packing builds `dist` again. */
export function packInto(folder: string): Promise<string> {
  return alone(async () => {
    const printed = await succeed(run('npm', ['pack', '--silent', '--pack-destination', folder], packageFolder));
    return join(folder, printed.trim().split('\n').at(-1) ?? '');
  });
}

/** Does some work with `dist` while no other test of this run does, in any worker of mocha. */
async function alone<Result>(work: () => Promise<Result>): Promise<Result> {
  const lock = join(tmpdir(), `dragonpay-callback-dist-${process.ppid}`);
  const isTaken = () =>
    mkdir(lock).then(
      () => false,
      () => true,
    );
  while (await isTaken()) await sleep(100);
  try {
    return await work();
  } finally {
    await rmdir(lock);
  }
}
