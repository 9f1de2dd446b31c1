/**
 * Changes the code in small ways, and checks that a test fails for each change:
 *
 *     npm run mutate -- verification reading
 *     npm run mutate -- src/protocol/statuses.ts --static
 *     npm run mutate -- src/reading/form-pairs.ts:40-60
 *     npm run mutate -- --changed --seconds 60
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, matchesGlob } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { changedLines } from './changed-lines.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);
const groups = JSON.parse(readFileSync('mutation/groups.json', 'utf8'));
const explained = JSON.parse(readFileSync('mutation/survivors.json', 'utf8'));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    changed: { type: 'boolean', default: false },
    static: { type: 'boolean', default: false },
    base: { type: 'string', default: 'main' },
    seconds: { type: 'string', default: '86400' },
  },
});
const end = Date.now() + Number(values.seconds) * 1000;
const unknown = positionals.filter((name) => !Object.hasOwn(groups, name) && !existsSync(fileOf(name)));
if (unknown.length > 0) throw new Error(`the groups are ${Object.keys(groups).join(', ')}`);
const changed = values.changed ? changedLines(values.base) : new Map();

let hasFailed = false;
let isEmpty = true;
for (const [name, group] of Object.entries(groups)) {
  const mutate = chosen(name, group);
  if (mutate.length === 0) continue;
  isEmpty = false;
  runGroup(name, mutate, group.tests);
}
if (isEmpty) console.log('nothing to mutate: no line of the groups is chosen or changed');
process.exit(hasFailed ? 1 : 0);

/** The files, globs or changed lines of a group that are to be mutated. */
function chosen(name, { mutate }) {
  const isOf = (file) =>
    mutate.some((glob) => !glob.startsWith('!') && matchesGlob(file, glob)) && !mutate.includes(`!${file}`);
  if (values.changed) return [...changed].flatMap(([file, ranges]) => (isOf(file) ? ranges : []));
  if (positionals.length === 0 || positionals.includes(name)) return mutate;
  return positionals.filter((name) => isOf(fileOf(name)));
}

function runGroup(name, mutate, tests) {
  const mutants = run(mutate, tests, { timeoutFactor: 1.5 });
  if (mutants === undefined) {
    console.log(`${name}: not finished in ${values.seconds} s. Run it without a limit: ${mutate.join(' ')}`);
    return;
  }
  // A mutant that ran out of time on a busy machine is not killed. A mutant may also be hidden by a value that was
  // computed once without it. So the mutants that were not killed are tried again, each in its own process with all
  // tests.
  const again = mutants.filter((one) => /Timeout|Survived/.test(one.status) && !isExplained(one));
  if (again.length > 0) {
    const ranges = [...new Set(again.map(rangeOf))];
    const results = run(ranges, tests, { timeoutFactor: 10, coverageAnalysis: 'off', ignoreStatic: false });
    if (results !== undefined) {
      const statuses = new Map(results.map((one) => [keyOf(one), one.status]));
      for (const one of again) {
        if (!statuses.has(keyOf(one))) throw new Error(`not tried again: ${keyOf(one)}`);
        one.status = statuses.get(keyOf(one));
      }
    }
  }
  const counted = mutants.filter(({ status }) => status !== 'Ignored' && status !== 'CompileError');
  const killed = counted.filter(({ status }) => status === 'Killed').length;
  const left = counted.filter(({ status }) => status !== 'Killed');
  const open = left.filter((one) => !isExplained(one));
  const share = counted.length === 0 ? 100 : (100 * killed) / counted.length;
  console.log(
    `${name}: ${killed} of ${counted.length} killed (${share.toFixed(1)} %), ${left.length - open.length} explained,`,
  );
  console.log(`  ${again.length} tried again, ${mutants.length - counted.length} not run (static)`);
  for (const one of open) {
    console.log(
      `  ${one.status} ${one.file}:${one.location.start.line} ${one.mutatorName}: ${one.code} -> ${one.replacement}`,
    );
  }
  for (const one of explained.filter((why) => isNeedless(why, counted))) {
    console.log(`  explained, but killed ${one.file}: ${one.code} -> ${one.replacement}`);
  }
  // For a few changed lines, a percentage says little.
  if (open.length > 0 || (share < 90 && !values.changed)) hasFailed = true;
}

/** The mutants with their results, or `undefined` if the time was over. */
function run(mutate, tests, options) {
  install();
  const folder = `mutation/reports/${process.pid}`;
  mkdirSync(folder, { recursive: true });
  const mocharc = join(root, folder, 'mocharc.json');
  writeFileSync(
    mocharc,
    JSON.stringify({
      extension: ['test.ts'],
      spec: tests,
      require: [join(root, 'mutation/mocha-setup.mjs')],
    }),
  );
  const report = `${folder}/mutation.json`;
  const config = {
    testRunner: 'mocha',
    plugins: [fileURLToPath(import.meta.resolve('@stryker-mutator/mocha-runner'))],
    // The same path as in .mocharc.json: with two copies of fast-check, the seed would be set in the wrong one.
    testRunnerNodeArgs: ['--import=tsx', '--no-experimental-require-module'],
    mochaOptions: { config: mocharc },
    coverageAnalysis: 'perTest',
    // Stryker cannot read this file with the compiler of this project.
    tsconfigFile: 'none.json',
    disableTypeChecks: false,
    ignoreStatic: !values.static,
    concurrency: Number(process.env.MUTATE_PROCESSES ?? 1),
    timeoutMS: 20_000,
    ...options,
    tempDirName: `mutation/.sandbox/${process.pid}`,
    ignorePatterns: ['*', '!src/**', '!adapters/**', '!test/**', '!examples/**', '!package.json', '!tsconfig.json'],
    reporters: ['json', 'progress-append-only'],
    jsonReporter: { fileName: report },
    mutate,
  };
  const file = `${folder}/stryker.json`;
  writeFileSync(file, JSON.stringify(config));
  const timeout = end - Date.now();
  if (timeout <= 0) return undefined;
  const { status, error } = spawnSync(
    process.execPath,
    ['mutation/node_modules/@stryker-mutator/core/bin/stryker.js', 'run', file],
    { stdio: 'inherit', timeout },
  );
  rmSync(`mutation/.sandbox/${process.pid}`, { recursive: true, force: true });
  if (error?.code === 'ETIMEDOUT') return undefined;
  if (status !== 0 || !existsSync(report)) throw new Error(`Stryker ended with ${status}`);
  const { files } = JSON.parse(readFileSync(report, 'utf8'));
  rmSync(folder, { recursive: true });
  return Object.entries(files).flatMap(([path, { source, mutants }]) =>
    mutants.map((one) => ({ ...one, file: path, code: source.split('\n')[one.location.start.line - 1].trim() })),
  );
}

/** Stryker is installed when there is something to mutate. */
function install() {
  if (existsSync('mutation/node_modules/.package-lock.json')) return;
  const { status } = spawnSync('npm', ['ci', '--prefix', 'mutation', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`npm ci ended with ${status}`);
}

/** The file of a range such as `src/a.ts:3-5`. */
function fileOf(name) {
  return name.split(':')[0];
}

/** Columns begin with 1 in a report, and with 0 in a range. */
function rangeOf({ file, location: { start, end } }) {
  return `${file}:${start.line}:${start.column - 1}-${end.line}:${end.column - 1}`;
}

function keyOf(one) {
  return `${rangeOf(one)} ${one.mutatorName} ${one.replacement}`;
}

function isExplained(mutant) {
  return explained.some((why) => explains(why, mutant));
}

function explains(why, mutant) {
  return why.file === mutant.file && why.code === mutant.code && why.replacement === mutant.replacement;
}

/** Whether every mutant that this comment explains was killed. */
function isNeedless(why, mutants) {
  const concerned = mutants.filter((mutant) => explains(why, mutant));
  return concerned.length > 0 && concerned.every(({ status }) => status === 'Killed');
}
