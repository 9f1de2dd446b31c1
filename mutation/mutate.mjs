/**
 * Changes the code in small ways, and checks that a test fails for each change:
 *
 *     npm run mutate -- verification reading
 *     npm run mutate -- --changed --static
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, matchesGlob } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

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
  },
});
const unknown = positionals.filter((name) => !Object.hasOwn(groups, name));
if (unknown.length > 0) throw new Error(`the groups are ${Object.keys(groups).join(', ')}`);

let hasFailed = false;
for (const [name, group] of Object.entries(groups)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const mutate = values.changed ? changedFiles(group) : group.mutate;
  if (mutate.length > 0) runGroup(name, mutate, group.tests);
}
process.exit(hasFailed ? 1 : 0);

function runGroup(name, mutate, tests) {
  const mutants = run(mutate, tests, 4);
  // A mutant that runs out of time on a busy machine is not killed: it is tried again alone.
  const late = mutants.filter(({ status }) => status === 'Timeout');
  for (const one of late) {
    const [again] = run([rangeOf(one)], tests, 20).filter((other) => keyOf(other) === keyOf(one));
    one.status = again?.status ?? one.status;
  }
  const counted = mutants.filter(({ status }) => status !== 'Ignored' && status !== 'CompileError');
  const killed = counted.filter(({ status }) => status === 'Killed').length;
  const left = counted.filter(({ status }) => status !== 'Killed');
  const open = left.filter((one) => !isExplained(one));
  const share = counted.length === 0 ? 100 : (100 * killed) / counted.length;
  console.log(
    `${name}: ${killed} of ${counted.length} killed (${share.toFixed(1)} %), ${left.length - open.length} explained,`,
  );
  console.log(`  ${late.length} tried again alone, ${mutants.length - counted.length} not run (static)`);
  for (const one of open) {
    console.log(
      `  ${one.status} ${one.file}:${one.location.start.line} ${one.mutatorName}: ${one.code} -> ${one.replacement}`,
    );
  }
  if (share < 90) hasFailed = true;
}

function run(mutate, tests, timeoutFactor) {
  mkdirSync('mutation/reports', { recursive: true });
  const mocharc = 'mutation/generated-mocharc.json';
  writeFileSync(
    mocharc,
    JSON.stringify({
      extension: ['test.ts'],
      spec: tests,
      timeout: 20_000,
      require: [join(root, 'mutation/fixed-seed.mjs')],
    }),
  );
  const report = 'mutation/reports/mutation.json';
  const config = {
    testRunner: 'mocha',
    plugins: [fileURLToPath(import.meta.resolve('@stryker-mutator/mocha-runner'))],
    testRunnerNodeArgs: ['--import=tsx'],
    mochaOptions: { config: join(root, mocharc) },
    coverageAnalysis: 'perTest',
    // Stryker cannot read it with the compiler of this project.
    tsconfigFile: 'none.json',
    disableTypeChecks: false,
    ignoreStatic: !values.static,
    concurrency: Number(process.env.MUTATE_PROCESSES ?? 1),
    timeoutFactor,
    timeoutMS: 10_000,
    tempDirName: 'mutation/.sandbox',
    ignorePatterns: ['*', '!src/**', '!adapters/**', '!test/**', '!examples/**', '!package.json', '!tsconfig.json'],
    reporters: ['json'],
    jsonReporter: { fileName: report },
    mutate,
  };
  const file = 'mutation/reports/stryker.json';
  writeFileSync(file, JSON.stringify(config));
  const { status } = spawnSync(
    process.execPath,
    ['mutation/node_modules/@stryker-mutator/core/bin/stryker.js', 'run', file],
    { stdio: 'inherit' },
  );
  if (status !== 0 || !existsSync(report)) throw new Error(`Stryker ended with ${status}`);
  const { files } = JSON.parse(readFileSync(report, 'utf8'));
  return Object.entries(files).flatMap(([path, { source, mutants }]) =>
    mutants.map((one) => ({ ...one, file: path, code: source.split('\n')[one.location.start.line - 1].trim() })),
  );
}

function rangeOf({ file, location: { start, end } }) {
  return `${file}:${start.line}:${start.column}-${end.line}:${end.column}`;
}

function keyOf(one) {
  return `${rangeOf(one)} ${one.mutatorName} ${one.replacement}`;
}

function isExplained({ file, code, replacement }) {
  return explained.some((one) => one.file === file && one.code === code && one.replacement === replacement);
}

function changedFiles({ mutate }) {
  const { stdout, status } = spawnSync('git', ['diff', '--name-only', `${values.base}...HEAD`], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`git knows no ${values.base}`);
  return stdout.split('\n').filter((file) => existsSync(file) && mutate.some((glob) => matchesGlob(file, glob)));
}
