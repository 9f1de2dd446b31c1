/**
 * Runs the fault campaign for a chosen time and prints its figures:
 *
 *     npm run test:faults -- --minutes 20 --seed 1 --processes 3 --database mariadb
 *     npm run test:faults -- --minutes 20 --pooler transaction
 *     npm run test:faults -- --minutes 20 --standby
 */
import { parseArgs } from 'node:util';
import { invariants } from './check.js';
import { type FaultsName, faultsKinds } from './databases.js';
import { hasPgBouncer, poolModes } from './pgbouncer.js';
import { anySeed } from './random.js';
import { runCampaign } from './run-campaign.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    seed: { type: 'string', default: process.env.FAULTS_SEED ?? String(anySeed()) },
    processes: { type: 'string', default: '3' },
    width: { type: 'string', default: '100' },
    database: { type: 'string', default: 'postgres' },
    pooler: { type: 'string' },
    standby: { type: 'boolean', default: false },
  },
});
const [minutes, seed, processes, width] = [values.minutes, values.seed, values.processes, values.width].map(Number);
if (!minutes || seed === undefined || Number.isNaN(seed) || !processes || !width) {
  throw new Error('--minutes, --seed, --processes and --width must be numbers');
}
const database = values.database as FaultsName;
if (!Object.hasOwn(faultsKinds, database))
  throw new Error(`--database must be one of ${Object.keys(faultsKinds).join(', ')}`);
const pooler = poolModes.find((mode) => mode === values.pooler);
if (values.pooler !== undefined && (pooler === undefined || database !== 'postgres' || !hasPgBouncer))
  throw new Error(`--pooler must be ${poolModes.join(' or ')}, with PostgreSQL and with pgbouncer on the PATH`);
const { standby } = values;
if (standby && database !== 'postgres') throw new Error('--standby must be used with PostgreSQL');
console.log(`seed ${seed}, ${minutes} minutes, ${processes} application processes`);
const report = await runCampaign({
  ...{ database, seed, seconds: 60 * minutes, processes, width, standby, progress: console.log },
  ...(pooler !== undefined && { pooler }),
});
const { violations, crashes, ...figures } = report;
console.log(JSON.stringify(figures, undefined, 2));
for (const [invariant, meaning] of Object.entries(invariants)) {
  const broken = violations.filter((violation) => violation.invariant === invariant);
  console.log(`${broken.length === 0 ? 'holds ' : 'BROKEN'} ${invariant}: ${meaning} (${broken.length} violations)`);
  for (const { id, detail } of broken.slice(0, 5)) console.log(`         ${id}: ${detail}`);
}
for (const crash of crashes) console.log(`CRASH ${crash}`);
process.exit(violations.length + crashes.length > 0 ? 1 : 0);
