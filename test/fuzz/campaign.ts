/**
 * Searches for inputs that break the package, for a chosen time:
 *
 *     npm run fuzz -- --minutes 20 --seed 1 --targets requests,forms
 *     npm run fuzz -- --replay fuzz-findings/requests-0123456789ab.json
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { anySeed } from '../faults/random.js';
import { type FuzzFinding, fileOf, runFuzz, Stopwatch } from './run-fuzz.js';
import { fuzzTargets } from './targets.js';

const folder = 'fuzz-findings';
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(anySeed()) },
    targets: { type: 'string' },
    replay: { type: 'string' },
  },
});

if (values.replay !== undefined) {
  const { target, problem, input }: FuzzFinding = JSON.parse(readFileSync(values.replay, 'utf8'));
  console.log(`${target}: ${problem}`);
  const watch = new Stopwatch();
  await fuzzTargets.find(({ name }) => name === target)?.run(input, watch.timed);
  console.log(`this input breaks nothing now, and takes ${watch.milliseconds.toFixed(1)} ms`);
  process.exit(0);
}
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
if (!(minutes > 0) || Number.isNaN(seed)) throw new Error('--minutes and --seed must be numbers');
const names = values.targets?.split(',');
const targets = fuzzTargets.filter(({ name }) => names?.includes(name) ?? true);
if (targets.length === 0) throw new Error(`--targets must be of ${fuzzTargets.map(({ name }) => name).join(', ')}`);
console.log(`seed ${seed}, ${minutes} minutes, ${targets.map(({ name }) => name).join(', ')}`);
const report = await runFuzz({
  targets,
  seconds: 60 * minutes,
  seed,
  onFinding: (finding) => {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, fileOf(finding));
    writeFileSync(file, JSON.stringify(finding, undefined, 2));
    console.log(`FOUND ${finding.target}: ${finding.problem} (${file})`);
  },
});
const { findings, ...figures } = report;
console.log(JSON.stringify(figures, undefined, 2));
console.log(`${findings.length} findings`);
process.exit(findings.length > 0 ? 1 : 0);
