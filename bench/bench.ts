import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { type CpuComparison, compareSdks } from './compare-sdks.js';
import { playRounds, type Standing, standings } from './compare-servers.js';
import { canPin, pinSelf } from './cpu.js';
import { type BenchDatabase, type BenchServer, startServer } from './database.js';
import { compareLatency, type LatencyComparison } from './latency.js';
import { secretKey } from './postbacks.js';
import { ContenderProcess, LoadProcess } from './processes.js';
import { drawPlots, printReport } from './report.js';
import { countLosses, type SeveralProcesses } from './several-processes.js';
import { compareTableSizes, type SizeFigure } from './table-size.js';

/** What the bench writes: one file a section. */
export interface Results {
  machine: { readonly node: string; readonly cpu: string; readonly cores: number; readonly measuredAt: string };
  /** CPU and throughput over 16 connections, the server on one core, all else on the other. */
  servers: Standing[];
  /** Throughput over 64 connections, on all cores. */
  throughput: Standing[];
  latency: LatencyComparison;
  sizes: SizeFigure[];
  several: SeveralProcesses;
  sdks: CpuComparison;
}

const rivals = ['node-http', 'node-http-pipelined', 'fastify', 'koa', 'express', 'express-kysely-yup'];
const ours = ['node-http', 'koa', 'express'];
const isShort = process.argv.includes('--short');
const only = process.argv
  .find((argument) => argument.startsWith('--only='))
  ?.slice('--only='.length)
  .split(',');
const folder = isShort ? 'bench/results/short' : 'bench/results';

const extent = isShort
  ? { count: 1500, rounds: 5, warmUps: 2, steady: { seconds: 2, rounds: 3 }, sizes: [10_000, 200_000], payments: 500 }
  : {
      count: 5000,
      rounds: 15,
      warmUps: 3,
      steady: { seconds: 4, rounds: 7 },
      sizes: [10_000, 1_000_000, 10_000_000],
      payments: 5000,
    };

// On a busy machine: fewer rounds, shorter turns.
const { rounds, count } = Object.fromEntries(process.argv.map((argument) => argument.replace(/^--/, '').split('=', 2)));
if (rounds !== undefined) extent.rounds = Number(rounds);
if (count !== undefined) extent.count = Number(count);

mkdirSync(folder, { recursive: true });
const pinned = canPin();
// The server gets the first core for itself; this process, PostgreSQL and the generator share the second.
if (pinned) pinSelf(1);

save('machine', {
  node: process.version,
  cpu: cpus()[0]?.model ?? '',
  cores: cpus().length,
  measuredAt: new Date().toISOString(),
});
// First, while nothing else runs.
if (wants('sdks')) {
  process.stderr.write('the SDKs\n');
  save('sdks', await compareSdks(isShort ? { count: 1500, rounds: 7 } : { count: 10_000, rounds: 15 }));
}
if (['servers', 'throughput', 'latency', 'sizes', 'several'].some(wants)) {
  const server = await startServer();
  try {
    const database = await server.database('bench');
    if (wants('servers')) await compareServers(server, database);
    if (wants('throughput') || wants('latency')) await compareThroughput(server, database);
    if (wants('several')) {
      process.stderr.write('several processes\n');
      save('several', await countLosses(server, 4, extent.payments));
    }
    if (wants('sizes')) {
      process.stderr.write('table sizes\n');
      const generator = new LoadProcess();
      const arena = { postgresPid: server.pid, generator };
      const { count, rounds } = extent;
      const core = pinned ? 0 : undefined;
      save('sizes', await compareTableSizes(server, arena, extent.sizes, { count, rounds, core }));
      generator.stop();
    }
    await database.end();
  } finally {
    await server.stop();
  }
}
const results = load();
printReport(results);
drawPlots(results, folder);

function wants(section: string): boolean {
  return only === undefined || only.includes(section);
}

async function compareServers(server: BenchServer, database: BenchDatabase): Promise<void> {
  process.stderr.write('servers, 16 connections\n');
  const names = ['rivals/empty', ...rivals.map((name) => `rivals/${name}`), ...ours.map((name) => `ours/${name}`)];
  const surroundings = { databaseUrl: database.url, secretKey };
  const contenders = [];
  for (const name of names) {
    contenders.push(await ContenderProcess.start(name, surroundings, { core: pinned ? 0 : undefined }));
  }
  const generator = new LoadProcess();
  const arena = { postgresPid: server.pid, generator };
  const turns = await playRounds(arena, database, contenders, { connections: 16, count: extent.count }, extent);
  save('servers', standings(turns));
  for (const stoppable of [...contenders, generator]) stoppable.stop();
}

/** Here nothing is pinned but this process: two cores for a server, PostgreSQL and the generator, as they like. */
async function compareThroughput(server: BenchServer, database: BenchDatabase): Promise<void> {
  process.stderr.write('throughput, 64 connections\n');
  const surroundings = { databaseUrl: database.url, secretKey };
  const [us, raw] = [
    await ContenderProcess.start('ours/node-http', surroundings),
    await ContenderProcess.start('rivals/node-http', surroundings),
  ];
  const generator = new LoadProcess();
  const arena = { postgresPid: server.pid, generator };
  const pace = { connections: 64, count: 2 * extent.count };
  const turns = await playRounds(arena, database, [raw, us], pace, extent);
  const standing = standings(turns);
  if (wants('throughput')) save('throughput', standing);
  if (wants('latency')) {
    process.stderr.write('latency at half of the load\n');
    const rate = Math.round((standing.find(({ name }) => name === raw.name)?.perSecond.median ?? 2000) / 2);
    save('latency', await compareLatency(arena, database, [us, raw], { rate, ...extent.steady }));
  }
  for (const stoppable of [us, raw, generator]) stoppable.stop();
}

function save<Section extends keyof Results>(section: Section, result: Results[Section]): void {
  writeFileSync(`${folder}/${section}.json`, `${JSON.stringify(result, null, 2)}\n`);
}

function load(): Partial<Results> {
  const found: Partial<Record<keyof Results, unknown>> = {};
  for (const section of ['machine', 'servers', 'throughput', 'latency', 'sizes', 'several', 'sdks'] as const) {
    try {
      found[section] = JSON.parse(readFileSync(`${folder}/${section}.json`, 'utf8'));
    } catch {
      // Not measured yet.
    }
  }
  return found as Partial<Results>;
}
