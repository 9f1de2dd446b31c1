import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { DatabaseFigures } from './compare-databases.js';
import type { CpuComparison } from './compare-sdks.js';
import type { Standing } from './compare-servers.js';
import type { HeapMark } from './heap.js';
import type { LatencyComparison } from './latency.js';
import { type Bar, barChart } from './plot.js';
import type { SeveralProcesses } from './several-processes.js';
import type { StartTimes } from './start-time.js';
import type { Spread } from './statistics.js';
import type { SizeFigure } from './table-size.js';

/** The results of the benchmark. Each section is written to its own file. */
export interface Results {
  machine: Machine;
  /** CPU and throughput over 16 connections. The server has one core, everything else the other. */
  servers: Standing[];
  /** The same for an `@OnStatus` method with one statement, against a transaction by hand. */
  effects: Standing[];
  /** The same postbacks on each database, without and with an `@OnStatus` method. */
  databases: readonly DatabaseFigures[];
  /** CPU of one import in a new process. */
  start: StartTimes;
  /** Throughput over 64 connections, on all cores. */
  throughput: Standing[];
  latency: LatencyComparison;
  sizes: SizeFigure[];
  several: SeveralProcesses;
  sdks: CpuComparison;
  heap: readonly HeapMark[];
}

export interface Machine {
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly measuredAt: string;
  /** The load average of the last minute before the run. It shows whether other programs used the machine. */
  readonly load: number;
}

interface Goal {
  readonly goal: string;
  readonly wanted: string;
  readonly measured: string;
  readonly isMet: boolean;
}

/** The tables as Markdown. */
export function reportOf(results: Partial<Results>): string {
  const lines: string[] = [];
  if (results.machine !== undefined) {
    const { node, cpu, cores, measuredAt, load } = results.machine;
    lines.push(`${measuredAt.slice(0, 10)}, Node ${node}, ${cores} cores (${cpu}), load before ${load.toFixed(1)}`);
  }
  const { sdks, latency, heap } = results;
  if (sdks !== undefined) {
    const { octokit, stripe, payloadBytes, rsa } = sdks;
    lines.push('', `One process, no server and no repository, ${payloadBytes} bytes: CPU in µs for each call`, '');
    lines.push('| case | CPU | of @octokit/webhooks | of stripe | of crypto.verify |', '|---|---|---|---|---|');
    const row = (name: string, cpu: Spread, ...ratios: readonly (Spread | undefined)[]) =>
      `| ${[name, show(cpu, 1), ...ratios.map((ratio) => (ratio === undefined ? '' : show(ratio)))].join(' | ')} |`;
    lines.push(row('ours, SHA-1', sdks.ours, sdks.toOctokit, sdks.toStripe, undefined));
    lines.push(row('ours, RSA', rsa.ours, undefined, undefined, rsa.ratio));
    lines.push(row('@octokit/webhooks verifyAndReceive', octokit, undefined, undefined, undefined));
    lines.push(row('stripe.webhooks.constructEvent', stripe, undefined, undefined, undefined));
    lines.push(row('crypto.verify of the RSA proof', rsa.bare, undefined, undefined, undefined));
  }
  for (const [title, table] of [
    ['16 connections, server on one core', results.servers],
    ['64 connections, all cores', results.throughput],
  ] as const) {
    if (table === undefined) continue;
    lines.push('', `${title}: CPU in µs for each postback, median (quartiles)`, '');
    lines.push(
      '| server | server CPU | of raw | PostgreSQL CPU | of raw | postbacks/s | of raw | generator CPU, busy |',
    );
    lines.push('|---|---|---|---|---|---|---|---|');
    for (const standing of table) lines.push(rowOf(standing));
  }
  if (latency !== undefined) {
    lines.push(
      '',
      `A steady ${latency.rate} postbacks a second, half of what the raw server reaches: milliseconds`,
      '',
    );
    lines.push('| server | p50 | p99 |', '|---|---|---|');
    for (const { name, p50, p99 } of latency.figures) lines.push(`| ${name} | ${show(p50, 1)} | ${show(p99, 1)} |`);
  }
  if (heap !== undefined) {
    lines.push(
      '',
      'Heap and open resources of the process after a garbage collection',
      '',
      '| callbacks | heap | open |',
      '|---|---|---|',
    );
    for (const { callbacks, kilobytes, resources } of heap) {
      const open = Object.entries(resources).map(([name, count]) => `${name} ${count}`);
      lines.push(`| ${callbacks.toLocaleString('en')} | ${kilobytes.toLocaleString('en')} KiB | ${open.join(', ')} |`);
    }
  }
  if (results.effects !== undefined) {
    lines.push('', 'An effect of one UPDATE, 16 connections, server on one core: median (quartiles)', '');
    lines.push(
      '| server | server CPU, µs | of by hand | postbacks/s | of by hand | p50, ms | of by hand |',
      '|---|---|---|---|---|---|---|',
    );
    for (const { name, serverCpu, perSecond, p50, toSame } of results.effects) {
      const ratios = [toSame?.serverCpu, toSame?.perSecond, toSame?.p50].map((ratio) => (ratio ? show(ratio) : ''));
      const cells = [name, show(serverCpu, 0), ratios[0], show(perSecond, 0), ratios[1], show(p50, 1), ratios[2]];
      lines.push(`| ${cells.join(' | ')} |`);
    }
  }
  if (results.databases !== undefined) {
    lines.push('', 'Each database, 16 connections, server on one core: median (quartiles)', '');
    lines.push('| database | handler | postbacks/s | server CPU, µs | database CPU, µs | p50, ms |');
    lines.push('|---|---|---|---|---|---|');
    for (const { database, handler, perSecond, serverCpu, databaseCpu, p50 } of results.databases) {
      const inProcess = databaseCpu === undefined ? 'in the server' : show(databaseCpu, 0);
      lines.push(
        `| ${[database, handler, show(perSecond, 0), show(serverCpu, 0), inProcess, show(p50, 1)].join(' | ')} |`,
      );
    }
  }
  if (results.start !== undefined) {
    const { ours, octokit, stripe, toOctokit, toStripe } = results.start;
    lines.push('', 'Importing the package in a new process: CPU in ms, median (quartiles)', '');
    lines.push('| dragonpay-callback | @octokit/webhooks | stripe | of octokit | of stripe |', '|---|---|---|---|---|');
    const cells = [show(ours, 0), show(octokit, 0), show(stripe, 0), show(toOctokit), show(toStripe)];
    lines.push(`| ${cells.join(' | ')} |`);
  }
  const goals = goalsOf(results);
  lines.push('', '| goal | wanted | measured, median (quartiles) | result |', '|---|---|---|---|');
  for (const { goal, wanted, measured, isMet } of goals) {
    lines.push(`| ${goal} | ${wanted} | ${measured} | ${isMet ? 'met' : 'NOT met'} |`);
  }
  for (const { name, generatorBusy } of [...(results.servers ?? []), ...(results.throughput ?? [])]) {
    if (generatorBusy.median > 0.8) lines.push('', `The load generator was the bottleneck of ${name}.`);
  }
  return lines.join('\n');
}

/** Writes the tables and the plots into the documentation. */
export function writeDocs(results: Partial<Results>, report: string): void {
  const page = 'docs/performance.md';
  const [head, tail] = readFileSync(page, 'utf8').split(/<!-- figures -->.*<!-- end of figures -->/s);
  if (head === undefined || tail === undefined) throw new Error(`${page} has no markers for the figures`);
  writeFileSync(page, `${head}<!-- figures -->\n\n${report.trim()}\n\n<!-- end of figures -->${tail}`);
  mkdirSync('docs/performance', { recursive: true });
  drawPlots(results, 'docs/performance');
}

function rowOf({ name, serverCpu, databaseCpu, perSecond, toRaw, generatorCpu, generatorBusy }: Standing): string {
  const cells = [
    name,
    show(serverCpu, 0),
    show(toRaw.serverCpu, 2),
    show(databaseCpu, 0),
    show(toRaw.databaseCpu, 2),
    show(perSecond, 0),
    show(toRaw.perSecond, 2),
    `${generatorCpu.median.toFixed(0)}, ${(100 * generatorBusy.median).toFixed(0)} %`,
  ];
  return `| ${cells.join(' | ')} |`;
}

function show({ median, low, high }: Spread, digits = 2): string {
  return `${median.toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`;
}

function goalsOf({ servers, effects, throughput, latency, sizes, several, sdks, heap }: Partial<Results>): Goal[] {
  const goals: Goal[] = [];
  const atMost = (goal: string, limit: number, ratio: Spread | undefined) => {
    if (ratio === undefined) return;
    goals.push({ goal, wanted: `at most ${limit}`, measured: show(ratio), isMet: ratio.median <= limit });
  };
  const standing = (table: Standing[] | undefined, name: string) => table?.find((found) => found.name === name);
  const node = standing(servers, 'ours/node-http');
  atMost('node:http, CPU against raw, 16 connections', 1, node?.toRaw.serverCpu);
  const perSecond = standing(throughput, 'ours/node-http')?.toRaw.perSecond;
  if (perSecond !== undefined) {
    const goal = 'node:http, postbacks a second against raw, 64 connections';
    goals.push({ goal, wanted: 'at least 1.5', measured: show(perSecond), isMet: perSecond.median >= 1.5 });
  }
  const atLeast = (goal: string, limit: number, ratio: Spread | undefined) => {
    if (ratio === undefined) return;
    goals.push({ goal, wanted: `at least ${limit}`, measured: show(ratio), isMet: ratio.median >= limit });
  };
  const effect = standing(effects, 'ours/effect')?.toSame;
  atMost('an effect of one UPDATE, CPU against by hand', 1.2, effect?.serverCpu);
  atLeast('the same, postbacks a second', 0.9, effect?.perSecond);
  atMost('the same, median latency', 1.2, effect?.p50);
  const pipelined = standing(effects, 'ours/effect-pipelined')?.toSame;
  atLeast('the same with pipelines on both sides, postbacks a second', 1, pipelined?.perSecond);
  atMost('Express, CPU against Express by hand', 0.75, standing(servers, 'ours/express')?.toSame?.serverCpu);
  atMost('Koa, CPU against Koa by hand', 0.8, standing(servers, 'ours/koa')?.toSame?.serverCpu);
  atMost("PostgreSQL's CPU against the plain UPDATE, 16 connections", 1.2, node?.toRaw.databaseCpu);
  if (sdks !== undefined) {
    atMost('without a repository, SHA-1, against @octokit/webhooks', 1, sdks.toOctokit);
    atMost('the same against stripe.webhooks.constructEvent', 1, sdks.toStripe);
    atMost('RSA, our total over crypto.verify', 1.4, sdks.rsa.ratio);
  }
  const [smallest, largest] = [sizes?.[0], sizes?.at(-1)];
  if (smallest !== undefined && largest !== undefined) {
    const name = (rows: number) => rows.toLocaleString('en');
    atMost(`CPU over ${name(largest.rows)} rows against ${name(smallest.rows)}`, 1.2, largest.toSmallest);
  }
  const [fewest, most] = [heap?.[0], heap?.at(-1)];
  if (fewest !== undefined && most !== undefined && most !== fewest) {
    const [more, less] = [most, fewest].map(({ callbacks }) => callbacks.toLocaleString('en'));
    const ratio = most.kilobytes / fewest.kilobytes;
    const timers = most.resources.Timeout ?? 0;
    const measured = `${ratio.toFixed(2)}, ${timers}`;
    const goal = `heap after ${more} callbacks against ${less}; timers left`;
    goals.push({ goal, wanted: 'at most 1.05; none', measured, isMet: ratio <= 1.05 && timers === 0 });
  }
  atMost('p99 at half of the load against raw', 1, latency?.p99Ratio);
  if (several !== undefined) {
    const { processes, lost, doubled, uncounted } = several;
    const goal = `${processes} processes on one database: lost, doubled, uncounted`;
    const isMet = lost === 0 && doubled === 0 && uncounted === 0;
    goals.push({ goal, wanted: 'none', measured: `${lost}, ${doubled}, ${uncounted}`, isMet });
  }
  return goals;
}

/** Draws a plot for each section that has figures. */
export function drawPlots({ servers, sizes }: Partial<Results>, folder: string): void {
  if (servers !== undefined) {
    const bars = (figure: 'serverCpu' | 'perSecond'): Bar[] =>
      servers.map(({ name, [figure]: { median, low, high } }) => ({
        label: name
          .replace('rivals/', 'by hand: ')
          .replace('ours/', 'ours: ')
          .replace('by hand: empty', 'an empty server'),
        value: median,
        low,
        high,
        isOurs: name.startsWith('ours/'),
      }));
    const cpu = barChart('CPU of the server for each postback, 16 connections', 'µs', bars('serverCpu'));
    writeFileSync(`${folder}/cpu.svg`, cpu);
    const perSecond = barChart('Postbacks a second, 16 connections', '/s', bars('perSecond'));
    writeFileSync(`${folder}/throughput.svg`, perSecond);
  }
  if (sizes !== undefined) {
    const bars = sizes.map(({ rows, cpu: { median, low, high } }) => ({
      label: `${rows.toLocaleString('en')} rows`,
      value: median,
      low,
      high,
      isOurs: true,
    }));
    const title = 'CPU of server and PostgreSQL for each postback, by the size of the tables';
    writeFileSync(`${folder}/table-size.svg`, barChart(title, 'µs', bars));
  }
}
