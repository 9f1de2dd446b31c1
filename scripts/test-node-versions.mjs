/**
 * Runs the tests of `npm test` on each supported version of Node, and then the tests of each optional peer with the other
 * versions that package.json allows: `npm run test:nodes`. Versions of Node can be chosen (`npm run test:nodes -- 22 24`),
 * or only the peers (`npm run test:nodes -- peers`). Other arguments go to mocha. npm downloads the binaries, which need
 * about 120 MB of temporary space for each version.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const given = process.argv.slice(2);
const versions = given.filter((argument) => /^\d+(\.\d+)*$/.test(argument));
const withPeers = given.includes('peers') || given.length === 0;
const forMocha = given.filter((argument) => !versions.includes(argument) && argument !== 'peers');
if (versions.length === 0 && !given.includes('peers')) versions.push('20.19.0', '22', '24');

/** The versions of optional peers that are not installed here, each with a version of Node on which it runs. */
const otherPeers = [
  { node: '22', peers: ['pg-boss@11', 'graphile-worker@0.18'], tests: ['test/jobs/queues.test.ts'] },
  { node: '22', peers: ['pg-boss@12'], tests: ['test/jobs/queues.test.ts'] },
  { node: '20.19.0', peers: ['inversify@7'], tests: ['test/adapters/inversify.test.ts'] },
  { node: '20.19.0', peers: ['kysely@0.27.6'], tests: ['test/repository', 'test/operations'] },
];

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
  const report = ({ line, ok }) => {
    console.log(line);
    failed ||= !ok;
  };
  for (const version of versions) report(testOn(version));
  if (withPeers) for (const other of otherPeers) report(testPeers(other));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;

/** Runs the tests of some peers in a copy of the project that has other versions of them. */
function testPeers({ node, peers, tests }) {
  const copy = mkdtempSync(join(folder, 'peers-'));
  const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
  for (const file of files) cpSync(join(root, file), join(copy, file));
  cpSync(join(root, 'node_modules'), join(copy, 'node_modules'), { recursive: true, verbatimSymlinks: true });
  cpSync(join(root, 'dist'), join(copy, 'dist'), { recursive: true });
  const quietly = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--force', '--loglevel', 'error'];
  execFileSync('npm', ['install', ...quietly, ...peers], { cwd: copy, stdio: ['ignore', 'ignore', 'inherit'] });
  const { line, ok } = testOn(node, copy, tests);
  return { line: `${peers.join(', ')}: ${line}`, ok };
}

/** Installs a version, runs tests of a project with it and returns the result as a line. */
function testOn(version, project = root, tests = forMocha) {
  const node = installNode(version);
  const results = join(mkdtempSync(join(folder, 'results-')), `${version}.json`);
  const environment = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  const name = `Node ${execFileSync(node, ['--version'], { encoding: 'utf8' }).trim().slice(1)}`;
  const mocha = join(project, 'node_modules/mocha/bin/mocha.js');
  const reporter = ['--reporter', 'json', '--reporter-option', `output=${results}`];
  const short = ['--parallel', '--jobs', '3', '--ignore', 'test/**/*.long.test.ts'];
  const { status, stderr } = spawnSync(node, [mocha, ...short, ...reporter, ...tests], {
    cwd: project,
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
  const executable = join(project, 'node_modules', binaries, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(executable)) return executable;
  mkdirSync(project);
  const quietly = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel', 'error'];
  execFileSync('npm', ['install', '--prefix', project, ...quietly, `${binaries}@${version}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return executable;
}
