import { writeFileSync } from 'node:fs';
import type { Results } from './bench.js';
import type { Standing } from './compare-servers.js';
import { type Bar, barChart } from './plot.js';
import type { Spread } from './statistics.js';

interface Goal {
  readonly goal: string;
  readonly wanted: string;
  readonly measured: string;
  readonly isMet: boolean;
}

/** The tables, as Markdown. */
export function printReport(results: Partial<Results>): void {
  const lines: string[] = [];
  for (const [title, table] of [
    ['16 connections, server on one core', results.servers],
    ['64 connections, all cores', results.throughput],
  ] as const) {
    if (table === undefined) continue;
    lines.push('', `${title}: CPU in µs for each postback, median (quarters)`, '');
    lines.push('| | server CPU | of raw | PostgreSQL CPU | of raw | postbacks/s | of raw | generator CPU, busy |');
    lines.push('|---|---|---|---|---|---|---|---|');
    for (const standing of table) lines.push(rowOf(standing));
  }
  const goals = goalsOf(results);
  lines.push('', '| goal | wanted | measured, median (quarters) | |', '|---|---|---|---|');
  for (const { goal, wanted, measured, isMet } of goals) {
    lines.push(`| ${goal} | ${wanted} | ${measured} | ${isMet ? 'met' : 'NOT met'} |`);
  }
  for (const { name, generatorBusy } of [...(results.servers ?? []), ...(results.throughput ?? [])]) {
    if (generatorBusy.median > 0.8) lines.push('', `The load generator was the bottleneck of ${name}.`);
  }
  console.log(lines.join('\n'));
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

function goalsOf({ servers, throughput, latency, sizes, several, sdks }: Partial<Results>): Goal[] {
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
  atMost('Express, CPU against Express by hand', 0.75, standing(servers, 'ours/express')?.toSame?.serverCpu);
  atMost('Koa, CPU against Koa by hand', 0.8, standing(servers, 'ours/koa')?.toSame?.serverCpu);
  atMost("PostgreSQL's CPU against the plain UPDATE, 16 connections", 1.2, node?.toRaw.databaseCpu);
  if (sdks !== undefined) {
    atMost('read, check, verify, dispatch against @octokit/webhooks', 1, sdks.toOctokit);
    atMost('the same against stripe.webhooks.constructEvent', 1, sdks.toStripe);
    atMost('RSA, our total over crypto.verify', 1.3, sdks.rsa.ratio);
  }
  const [smallest, largest] = [sizes?.[0], sizes?.at(-1)];
  if (smallest !== undefined && largest !== undefined) {
    const name = (rows: number) => rows.toLocaleString('en');
    atMost(`CPU over ${name(largest.rows)} rows against ${name(smallest.rows)}`, 1.2, largest.toSmallest);
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

/** Draws what there are figures of. */
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
