import type { BenchDatabase, BenchServer } from './database.js';
import { secretKey, txnidsInSql } from './postbacks.js';
import { ContenderProcess } from './processes.js';
import { type Arena, type Turn, turn } from './rounds.js';
import { pairedRatio, type Spread, spread } from './statistics.js';

/** What a postback costs over tables of one size. CPU of server and PostgreSQL together, in microseconds. */
export interface SizeFigure {
  readonly rows: number;
  readonly cpu: Spread;
  readonly databaseCpu: Spread;
  readonly perSecond: Spread;
  /** CPU against that of the smallest tables, round by round. */
  readonly toSmallest: Spread;
}

/** Loads our node:http server over tables of each size, in turn. The payments that are loaded are new ones. */
export async function compareTableSizes(
  server: BenchServer,
  generatorOf: Arena,
  sizes: readonly number[],
  { rounds, count, core }: { readonly rounds: number; readonly count: number; readonly core: number | undefined },
): Promise<SizeFigure[]> {
  const arenas: Array<{ rows: number; database: BenchDatabase; contender: ContenderProcess; turns: Turn[] }> = [];
  for (const rows of sizes) {
    const database = await server.database(`rows_${rows}`);
    await fill(database, rows);
    const contender = await ContenderProcess.start(
      'ours/node-http',
      { databaseUrl: database.url, secretKey },
      { core },
    );
    arenas.push({ rows, database, contender, turns: [] });
  }
  for (const { database } of arenas) await database.client.query('checkpoint');
  for (let round = -2; round < rounds; round++) {
    for (const { database, contender, turns } of arenas) {
      const played = await turn(generatorOf, contender, database, { connections: 16, count });
      if (round >= 0) turns.push(played);
    }
    process.stderr.write('.');
  }
  process.stderr.write('\n');
  const cpuOf = (turns: readonly Turn[]) => turns.map(({ serverCpu, databaseCpu }) => serverCpu + databaseCpu);
  const smallest = cpuOf(arenas[0]?.turns ?? []);
  const result = arenas.map(({ rows, turns }) => ({
    rows,
    cpu: spread(cpuOf(turns)),
    databaseCpu: spread(turns.map(({ databaseCpu }) => databaseCpu)),
    perSecond: spread(turns.map(({ perSecond }) => perSecond)),
    toSmallest: pairedRatio(cpuOf(turns), smallest),
  }));
  for (const { contender, database } of arenas) {
    contender.stop();
    await database.end();
  }
  return result;
}

/** So many settled payments, and the inbox that they left behind. */
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
