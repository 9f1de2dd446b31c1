import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of this package. */
export const packageFolder = fileURLToPath(new URL('../..', import.meta.url));

const require = createRequire(import.meta.url);

/** The compilers that users of this package may have, by version: the command's JavaScript file. */
export const compilers = {
  'TypeScript 7': join(dirname(require.resolve('typescript/package.json')), 'bin/tsc'),
  'TypeScript 5.9': join(dirname(require.resolve('typescript5/package.json')), 'bin/tsc'),
} as const;

/** What a program said, and how it ended. */
export interface Outcome {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. Never rejects: whatever it ends with is the outcome. */
export function run(command: string, args: readonly string[], cwd: string): Promise<Outcome> {
  // These measure no coverage: what they run is built output in a temporary folder.
  const { NODE_V8_COVERAGE, NODE_OPTIONS, ...env } = process.env;
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

/** Runs a program that has to succeed, and answers with its stdout. */
export async function succeed(outcome: Promise<Outcome>): Promise<string> {
  const { code, stdout, stderr } = await outcome;
  if (code !== 0) throw new Error(`ended with ${code}\n${stdout}${stderr}`);
  return stdout;
}

/** A temporary project in which this package, built from its sources as they are now, is installed. */
export interface BuiltProject {
  readonly folder: string;
  remove(): Promise<void>;
}

/**
 * Builds this package into the `node_modules` of a new temporary folder, so that no test depends on a `dist` that may
 * be stale. The packages named in `dependencies` are those of this checkout.
 */
export async function buildIntoProject(dependencies: readonly string[]): Promise<BuiltProject> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'dragonpay-callback-built-')));
  const installed = join(folder, 'node_modules', 'dragonpay-callback');
  await mkdir(installed, { recursive: true });
  await succeed(runNode([join(packageFolder, 'scripts/build.mjs'), join(installed, 'dist')], packageFolder));
  await copyFile(join(packageFolder, 'package.json'), join(installed, 'package.json'));
  for (const name of dependencies) {
    const link = join(folder, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(packageFolder, 'node_modules', name), link, 'junction');
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}
