import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { DatabaseUser } from './database-user.js';
import { inspect } from './processes.js';
import { refuseForeign, sharedPlace, unless } from './shared-place.js';

/** Creates the folder, and checks that it is writable. */
export async function makeFolder(dataFolder: string): Promise<string> {
  try {
    await fs.mkdir(dataFolder, { recursive: true });
    await fs.access(dataFolder, fs.constants.W_OK | fs.constants.X_OK);
    return await fs.realpath(dataFolder);
  } catch (error) {
    throw new Error(`the data folder ${resolve(dataFolder)} is not writable: ${(error as Error).message}`);
  }
}

/** Finds the folder for the data: the folder itself, or another one if the database user cannot access it. */
export async function findHome(folder: string, user: DatabaseUser): Promise<string> {
  const pointed = await fs.realpath(join(folder, 'moved-to')).catch(() => undefined);
  if (pointed !== undefined) return pointed;
  const isReachable = user === undefined || spawnSync('test', ['-x', folder], { ...user, cwd: '/' }).status === 0;
  if (isReachable || existsSync(join(folder, 'cluster'))) return folder;
  const home = `${sharedPlace}-data-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}`;
  await fs.mkdir(home).catch(unless('EEXIST'));
  refuseForeign(home);
  await fs.chmod(home, 0o755);
  return fs.realpath(home);
}

/** Creates a link in the folder to the other one. */
export async function pointTo(home: string, folder: string): Promise<void> {
  const pointer = join(folder, 'moved-to');
  if (existsSync(pointer)) return;
  // An existing cluster belongs to a deleted folder with the same name.
  await fs.rm(join(home, 'cluster'), { recursive: true, force: true });
  await fs.rm(pointer, { force: true });
  await fs.symlink(home, pointer);
}

/** Makes this process the only owner. The start time detects a process id that was reused by another process. */
export function claim(folder: string, home: string): () => void {
  const file = join(home, 'owner.pid');
  const draft = `${file}.${process.pid}`;
  try {
    writeFileSync(draft, `${process.pid} ${inspect(process.pid)?.started}\n`);
    for (;;) {
      try {
        linkSync(draft, file);
        return () => rmSync(file, { force: true });
      } catch (error) {
        unless('EEXIST')(error);
      }
      const [, pid, started] = /^(\d+) (.*)/.exec(readFileSync(file, 'utf8')) ?? [];
      if (started !== undefined && inspect(Number(pid))?.started === started) {
        throw new Error(`the data folder ${folder} is in use by process ${pid}`);
      }
      rmSync(file, { force: true });
    }
  } finally {
    rmSync(draft, { force: true });
  }
}
