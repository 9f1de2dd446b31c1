/**
 * Runs the tests of `npm test` on each supported version of Node: `npm run test:nodes`. Versions can be chosen
 * (`npm run test:nodes -- 22 24`). Other arguments go to mocha. npm downloads the binaries, which need about 120 MB of
 * temporary space for each version.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const given = process.argv.slice(2);
const versions = given.filter((argument) => /^\d+(\.\d+)*$/.test(argument));
const forMocha = given.filter((argument) => !versions.includes(argument));
if (versions.length === 0) versions.push('20.19.0', '22', '24');

/**
 * The prefix of the packages with the binaries. The package `node` chooses one of them in an install script, but many
 * people do not allow install scripts.
 */
const prefix = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node';
const binaries = `${prefix}-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;

const folder = mkdtempSync(join(tmpdir(), 'dragonpay-callback-nodes-'));
let failed = false;
try {
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' });
  for (const version of versions) {
    const { line, ok } = testOn(version);
    console.log(line);
    failed ||= !ok;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;

/** Installs a version, runs the suite with it and returns the result as a line. */
function testOn(version) {
  const node = installNode(version);
  const results = join(folder, `${version}.json`);
  const environment = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  const name = `Node ${execFileSync(node, ['--version'], { encoding: 'utf8' }).trim().slice(1)}`;
  const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
  const reporter = ['--reporter', 'json', '--reporter-option', `output=${results}`];
  const short = ['--parallel', '--jobs', '3', '--ignore', 'test/**/*.long.test.ts'];
  const { status, stderr } = spawnSync(node, [mocha, ...short, ...reporter, ...forMocha], {
    cwd: root,
    env: environment,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  });
  let report;
  try {
    report = JSON.parse(readFileSync(results, 'utf8'));
  } catch {
    return { line: `${name}: mocha ended with ${status} before it could report\n${stderr}`, ok: false };
  }
  const { passes, failures, duration } = report.stats;
  const counts = `${name}: ${passes} passed, ${failures} failed in ${Math.round(duration / 1000)} s`;
  const complaints = report.failures.map(({ fullTitle, err }) => `  ${fullTitle}\n    ${err.message}`);
  return { line: [counts, ...complaints].join('\n'), ok: status === 0 && passes > 0 };
}

/** Installs a version of Node and returns the path of the executable. */
function installNode(version) {
  const project = join(folder, version);
  mkdirSync(project);
  const quietly = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel', 'error'];
  execFileSync('npm', ['install', '--prefix', project, ...quietly, `${binaries}@${version}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return join(project, 'node_modules', binaries, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
}
