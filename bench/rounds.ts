import { treeCpu } from './cpu.js';
import type { BenchDatabase } from './database.js';
import type { LoadResult } from './load-process.js';
import type { ContenderProcess, LoadProcess } from './processes.js';

/** One turn of one contender. CPU times are in microseconds per postback. */
export interface Turn extends LoadResult {
  readonly serverCpu: number;
  readonly databaseCpu: number;
  readonly generatorCpu: number;
  readonly perSecond: number;
  /** The share of the turn in which the generator was busy. Near 1, the generator is the bottleneck. */
  readonly generatorBusy: number;
}

/** The load of one turn. `rate` is in postbacks per second; without it they are sent as fast as possible. */
export interface Pace {
  readonly connections: number;
  readonly count: number;
  readonly rate?: number;
}

/** The processes that every turn uses. */
export interface TurnSetup {
  readonly postgresPid: number;
  readonly generator: LoadProcess;
}

let series = 0;

/** Sends postbacks of new payments to one contender, and checks that all of them have settled. */
export async function turn(
  { postgresPid, generator }: TurnSetup,
  contender: ContenderProcess,
  database: BenchDatabase,
  { connections, count, rate }: Pace,
): Promise<Turn> {
  const name = `T${++series}`;
  await database.seed(name, count);
  const { port } = contender;
  await generator.prepare({ port, connections, series: name, from: 1, count, ...(rate !== undefined && { rate }) });
  const before = await contender.mark();
  const databaseBefore = treeCpu(postgresPid);
  const result = await generator.run();
  const databaseAfter = treeCpu(postgresPid);
  const after = await contender.mark();
  if (result.refused > 0) throw new Error(`${contender.name} refused ${result.refused} postbacks`);
  if (contender.name !== 'rivals/empty') await assertSettled(contender.name, database, name, count);
  return {
    ...result,
    serverCpu: (after.cpu - before.cpu) / count,
    databaseCpu: (databaseAfter - databaseBefore) / count,
    generatorCpu: result.cpu / count,
    perSecond: count / result.seconds,
    generatorBusy: result.cpu / (result.seconds * 1e6),
  };
}

async function assertSettled(name: string, { client }: BenchDatabase, series: string, count: number): Promise<void> {
  const isOurs = name.startsWith('ours/');
  const like = `${series}-%`;
  const { rows } = await client.query(
    isOurs
      ? `select (select count(*) from dragonpay_transactions where txnid like $1 and status = 'S' and reached = 'S')::int as settled,
  (select count(*) from dragonpay_callbacks where id like $1 and outcome = 'applied' and deliveries = 1)::int as recorded`
      : `select count(*)::int as settled, $2::int as recorded from payments where txnid like $1 and status = 'S'`,
    isOurs ? [like] : [like, count],
  );
  if (name.includes('effect')) await assertPaid(name, { client }, like, count);
  const { settled, recorded } = rows[0] as { settled: number; recorded: number };
  if (settled !== count || recorded !== count) {
    throw new Error(`${name}: of ${count} postbacks, ${settled} settled and ${recorded} were recorded`);
  }
}

async function assertPaid(
  name: string,
  { client }: Pick<BenchDatabase, 'client'>,
  like: string,
  count: number,
): Promise<void> {
  const { rows } = await client.query(`select count(*)::int as paid from orders where txnid like $1 and paid`, [like]);
  if (rows[0]?.paid !== count) throw new Error(`${name}: of ${count} orders, ${rows[0]?.paid} are paid`);
}
