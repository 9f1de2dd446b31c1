import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { compareDatabases } from './compare-databases.js';
import { compareSdks } from './compare-sdks.js';
import { playRounds, standings } from './compare-servers.js';
import { canPin, pinSelf } from './cpu.js';
import { type BenchDatabase, type BenchServer, startServer } from './database.js';
import { measureHeap } from './heap.js';
import { compareLatency } from './latency.js';
import { secretKey } from './postbacks.js';
import { ContenderProcess, LoadProcess } from './processes.js';
import { drawPlots, type Results, reportOf, writeDocs } from './report.js';
import { countLosses } from './several-processes.js';
import { compareStartTimes } from './start-time.js';
import { compareTableSizes } from './table-size.js';

const sections = [
  'start',
  'sdks',
  'servers',
  'effects',
  'databases',
  'throughput',
  'latency',
  'several',
  'heap',
  'sizes',
] as const;
const isShort = process.argv.includes('--short');
// No goal compares with these contenders, so the short form leaves them out.
const others = isShort ? [] : ['node-http-pipelined', 'fastify', 'express-kysely-yup'];
const rivals = ['node-http', 'koa', 'express', ...others];
const ours = ['node-http', 'koa', 'express'];
const only = process.argv
  .find((argument) => argument.startsWith('--only='))
  ?.slice('--only='.length)
  .split(',');
const folder = isShort ? 'bench/results/short' : 'bench/results';

const extent = isShort
  ? {
      count: 1000,
      rounds: 3,
      warmUps: 1,
      steady: { seconds: 1.5, rounds: 3 },
      sizes: [10_000, 50_000],
      payments: 500,
      callbacks: 20_000,
    }
  : {
      count: 5000,
      rounds: 15,
      warmUps: 3,
      steady: { seconds: 4, rounds: 7 },
      sizes: [10_000, 1_000_000, 10_000_000],
      payments: 5000,
      callbacks: 1_000_000,
    };

// `--rounds` and `--count` shorten a run on a busy machine.
const { rounds, count } = Object.fromEntries(process.argv.map((argument) => argument.replace(/^--/, '').split('=', 2)));
if (rounds !== undefined) extent.rounds = Number(rounds);
if (count !== undefined) extent.count = Number(count);

mkdirSync(folder, { recursive: true });
const pinned = canPin();
// The server has the first core to itself. This process, PostgreSQL and the generator share the second.
if (pinned) pinSelf(1);

save('machine', {
  node: process.version,
  cpu: cpus()[0]?.model ?? '',
  cores: cpus().length,
  measuredAt: new Date().toISOString(),
  load: loadavg()[0] ?? 0,
});
// These run first, because PostgreSQL is not running yet.
if (wants('start')) {
  process.stderr.write('start\n');
  save('start', compareStartTimes(isShort ? 7 : 25));
}
if (wants('sdks')) {
  process.stderr.write('SDKs\n');
  save('sdks', await compareSdks(isShort ? { count: 3000, rounds: 9 } : { count: 10_000, rounds: 25 }));
}
// This section starts its own servers, one after the other.
if (wants('databases')) {
  process.stderr.write('databases, 16 connections\n');
  save('databases', await compareDatabases({ ...extent, core: pinned ? 0 : undefined }));
}
const withoutServer: readonly string[] = ['start', 'sdks', 'databases'];
if (sections.some((section) => !withoutServer.includes(section) && wants(section))) {
  const server = await startServer();
  try {
    const database = await server.database('bench');
    if (wants('servers')) await compareServers(server, database);
    if (wants('effects')) await compareEffects(server, database);
    if (wants('throughput') || wants('latency')) await compareThroughput(server, database);
    if (wants('several')) {
      process.stderr.write('several processes\n');
      save('several', await countLosses(server, 4, extent.payments));
    }
    if (wants('heap')) {
      process.stderr.write('heap\n');
      save('heap', await measureHeap(server, extent.callbacks));
    }
    if (wants('sizes')) {
      process.stderr.write('table sizes\n');
      const generator = new LoadProcess();
      const turnSetup = { postgresPid: server.pid, generator };
      const { count, rounds } = extent;
      const core = pinned ? 0 : undefined;
      save('sizes', await compareTableSizes(server, turnSetup, extent.sizes, { count, rounds, core }));
      generator.stop();
    }
    await database.end();
  } finally {
    await server.stop();
  }
}
const results = load();
const report = reportOf(results);
console.log(report);
drawPlots(results, folder);
// The figures in the documentation are written by this command only.
if (process.argv.includes('--docs')) writeDocs(results, report);

function wants(section: (typeof sections)[number]): boolean {
  return only === undefined || only.includes(section);
}

async function compareServers(server: BenchServer, database: BenchDatabase): Promise<void> {
  process.stderr.write('servers, 16 connections\n');
  const names = ['rivals/empty', ...rivals.map((name) => `rivals/${name}`), ...ours.map((name) => `ours/${name}`)];
  const settings = { databaseUrl: database.url, secretKey };
  const contenders = [];
  for (const name of names) {
    contenders.push(await ContenderProcess.start(name, settings, { core: pinned ? 0 : undefined }));
  }
  const generator = new LoadProcess();
  const turnSetup = { postgresPid: server.pid, generator };
  const turns = await playRounds(turnSetup, database, contenders, { connections: 16, count: extent.count }, extent);
  save('servers', standings(turns));
  for (const stoppable of [...contenders, generator]) stoppable.stop();
}

/** An @OnStatus method with one UPDATE, against the same transaction by hand. */
async function compareEffects(server: BenchServer, database: BenchDatabase): Promise<void> {
  process.stderr.write('effects, 16 connections\n');
  const settings = { databaseUrl: database.url, secretKey };
  const contenders = [];
  for (const name of ['rivals/effect', 'ours/effect', 'rivals/effect-pipelined', 'ours/effect-pipelined']) {
    contenders.push(await ContenderProcess.start(name, settings, { core: pinned ? 0 : undefined }));
  }
  const generator = new LoadProcess();
  const turnSetup = { postgresPid: server.pid, generator };
  const turns = await playRounds(turnSetup, database, contenders, { connections: 16, count: extent.count }, extent);
  save('effects', standings(turns));
  for (const stoppable of [...contenders, generator]) stoppable.stop();
}

/** The servers are not pinned here. PostgreSQL and the generator stay on the core of this process. */
async function compareThroughput(server: BenchServer, database: BenchDatabase): Promise<void> {
  process.stderr.write('throughput, 64 connections\n');
  const settings = { databaseUrl: database.url, secretKey };
  const [us, raw] = [
    await ContenderProcess.start('ours/node-http', settings),
    await ContenderProcess.start('rivals/node-http', settings),
  ];
  const generator = new LoadProcess();
  const turnSetup = { postgresPid: server.pid, generator };
  const pace = { connections: 64, count: 2 * extent.count };
  const turns = await playRounds(turnSetup, database, [raw, us], pace, extent);
  const standing = standings(turns);
  if (wants('throughput')) save('throughput', standing);
  if (wants('latency')) {
    process.stderr.write('latency at half of the load\n');
    await database.reuseLog(64 * extent.steady.rounds);
    const rate = Math.round((standing.find(({ name }) => name === raw.name)?.perSecond.median ?? 2000) / 2);
    save('latency', await compareLatency(turnSetup, database, [us, raw], { rate, ...extent.steady }));
  }
  for (const stoppable of [us, raw, generator]) stoppable.stop();
}

function save<Section extends keyof Results>(section: Section, result: Results[Section]): void {
  writeFileSync(`${folder}/${section}.json`, `${JSON.stringify(result, null, 2)}\n`);
}

function load(): Partial<Results> {
  const found: Partial<Record<keyof Results, unknown>> = {};
  for (const section of ['machine', ...sections] as const) {
    try {
      found[section] = JSON.parse(readFileSync(`${folder}/${section}.json`, 'utf8'));
    } catch {
      // Not measured yet.
    }
  }
  return found as Partial<Results>;
}
