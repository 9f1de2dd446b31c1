import type { BenchDatabase, BenchServer } from './database.js';
import { secretKey, txnidsInSql } from './postbacks.js';
import { ContenderProcess } from './processes.js';
import { type Turn, type TurnSetup, turn } from './rounds.js';
import { pairedRatio, type Spread, spread } from './statistics.js';

/** The cost of a postback with tables of one size. `cpu` is server and PostgreSQL together, in microseconds. */
export interface SizeFigure {
  readonly rows: number;
  readonly cpu: Spread;
  readonly databaseCpu: Spread;
  readonly perSecond: Spread;
  /** The ratio to the CPU with the smallest tables, round by round. */
  readonly toSmallest: Spread;
}

/** Sends postbacks of new payments to our node:http server, with tables of each size in turn. */
export async function compareTableSizes(
  server: BenchServer,
  turnSetup: TurnSetup,
  sizes: readonly number[],
  { rounds, count, core }: { readonly rounds: number; readonly count: number; readonly core: number | undefined },
): Promise<SizeFigure[]> {
  const cases: Array<{ rows: number; database: BenchDatabase; contender: ContenderProcess; turns: Turn[] }> = [];
  for (const rows of sizes) {
    const database = await server.database(`rows_${rows}`);
    await fill(database, rows);
    const contender = await ContenderProcess.start(
      'ours/node-http',
      { databaseUrl: database.url, secretKey },
      { core },
    );
    cases.push({ rows, database, contender, turns: [] });
  }
  for (const { database } of cases) await database.client.query('checkpoint');
  for (let round = -2; round < rounds; round++) {
    for (const { database, contender, turns } of cases) {
      const played = await turn(turnSetup, contender, database, { connections: 16, count });
      if (round >= 0) turns.push(played);
    }
    process.stderr.write('.');
  }
  process.stderr.write('\n');
  const cpuOf = (turns: readonly Turn[]) => turns.map(({ serverCpu, databaseCpu }) => serverCpu + databaseCpu);
  const smallest = cpuOf(cases[0]?.turns ?? []);
  const result = cases.map(({ rows, turns }) => ({
    rows,
    cpu: spread(cpuOf(turns)),
    databaseCpu: spread(turns.map(({ databaseCpu }) => databaseCpu)),
    perSecond: spread(turns.map(({ perSecond }) => perSecond)),
    toSmallest: pairedRatio(cpuOf(turns), smallest),
  }));
  for (const { contender, database } of cases) {
    contender.stop();
    await database.end();
  }
  return result;
}

/** Inserts settled payments and their events. */
async function fill({ client }: BenchDatabase, rows: number): Promise<void> {
  const made = txnidsInSql('OLD', rows);
  await client.query('set synchronous_commit = off');
  await client.query(`insert into dragonpay_transactions (txnid, refno, status, reached, amount, currency, description)
select txnid, left('R' || txnid, 32), 'S', 'S', 100, 'PHP', 'the order of ' || txnid from (${made}) as made`);
  await client.query(`insert into dragonpay_callbacks (kind, id, refno, status, first_seen, outcome, proof, key_id, method, raw)
select 'payment', txnid, left('R' || txnid, 32), 'S', now() - row_number() over () * interval '1 second',
  'applied', 'sha1', 'secretKeys[0]', 'POST',
  'txnid=' || txnid || '&status=S&message=%5b000%5d+BPI+Reference+No.%3a+20260731+Payment+successful&digest=' || md5(txnid)
from (${made}) as made`);
  await client.query('reset synchronous_commit');
  await client.query('vacuum analyze dragonpay_transactions');
  await client.query('vacuum analyze dragonpay_callbacks');
}
