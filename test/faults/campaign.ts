/**
 * Runs the fault campaign for a chosen time and prints its figures:
 *
 *     npm run test:faults -- --minutes 20 --seed 1 --processes 3 --database mariadb
 *     npm run test:faults -- --minutes 20 --pooler transaction
 *     npm run test:faults -- --minutes 20 --standby
 *     npm run test:faults -- --minutes 20 --width 60 --pause 4 --misbehaving 0.03 --connections 8 --copies 3
 *
 * The last command sends more callbacks for each fault.
 */
import { parseArgs } from 'node:util';
import { invariants } from './check.js';
import { type FaultsName, faultsKinds } from './databases.js';
import { hasPgBouncer, poolModes } from './pgbouncer.js';
import { anySeed } from './random.js';
import { hardest, runCampaign } from './run-campaign.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    seed: { type: 'string', default: process.env.FAULTS_SEED ?? String(anySeed()) },
    processes: { type: 'string', default: '3' },
    width: { type: 'string', default: '100' },
    pause: { type: 'string', default: String(hardest.pause) },
    misbehaving: { type: 'string', default: String(hardest.misbehaving) },
    connections: { type: 'string', default: String(hardest.connections) },
    copies: { type: 'string', default: String(hardest.copies) },
    database: { type: 'string', default: 'postgres' },
    pooler: { type: 'string' },
    standby: { type: 'boolean', default: false },
  },
});
const [minutes, processes, width] = [numberOf('minutes'), numberOf('processes'), numberOf('width')];
const pace = {
  pause: numberOf('pause'),
  misbehaving: numberOf('misbehaving', 0),
  connections: numberOf('connections'),
  copies: numberOf('copies'),
};
const seed = numberOf('seed', 0);
const database = values.database as FaultsName;
if (!Object.hasOwn(faultsKinds, database))
  throw new Error(`--database must be one of ${Object.keys(faultsKinds).join(', ')}`);
const pooler = poolModes.find((mode) => mode === values.pooler);
if (values.pooler !== undefined && (pooler === undefined || database !== 'postgres' || !hasPgBouncer))
  throw new Error(`--pooler must be ${poolModes.join(' or ')}, with PostgreSQL and with pgbouncer on the PATH`);
const { standby } = values;
if (standby && database !== 'postgres') throw new Error('--standby must be used with PostgreSQL');
console.log(`seed ${seed}, ${minutes} minutes, ${processes} application processes, ${JSON.stringify(pace)}`);
const report = await runCampaign({
  ...{ database, seed, seconds: 60 * minutes, processes, width, pace, standby, progress: console.log },
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

function numberOf(
  name: Exclude<keyof typeof values, 'database' | 'pooler' | 'standby'>,
  least = Number.MIN_VALUE,
): number {
  const number = Number(values[name]);
  if (!(number >= least)) throw new Error(`--${name} must be a number${least > 0 ? ' above 0' : ''}`);
  return number;
}
