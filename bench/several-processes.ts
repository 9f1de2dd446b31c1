import type { BenchServer } from './database.js';
import { secretKey } from './postbacks.js';
import { ContenderProcess, LoadProcess } from './processes.js';

/** Counts after several processes on one database all received the same postbacks at the same time. */
export interface SeveralProcesses {
  readonly processes: number;
  readonly payments: number;
  readonly deliveries: number;
  /** Replies other than 200. A gateway would send these postbacks again. */
  readonly refused: number;
  /** Payments that are not settled, have no event in the inbox, or are not in the ledger. */
  readonly lost: number;
  /** Payments that are in the ledger more than once. */
  readonly doubled: number;
  /** Deliveries with a 200 that the inbox does not count. */
  readonly uncounted: number;
}

export async function countLosses(server: BenchServer, processes: number, payments: number): Promise<SeveralProcesses> {
  const database = await server.database('several');
  const { client } = database;
  await client.query('create table ledger (txnid varchar(40) not null)');
  await database.seed('MANY', payments);
  const contenders = await Promise.all(
    Array.from({ length: processes }, () =>
      ContenderProcess.start('ours/node-http-ledger', { databaseUrl: database.url, secretKey }),
    ),
  );
  const loads = await Promise.all(
    contenders.map(async ({ port }) => {
      const load = new LoadProcess();
      await load.prepare({ port, connections: 8, series: 'MANY', from: 1, count: payments, copies: 2 });
      return load;
    }),
  );
  const results = await Promise.all(loads.map((load) => load.run()));
  const refused = results.reduce((sum, result) => sum + result.refused, 0);
  const { rows } = await client.query(`select
  (select count(*) from dragonpay_transactions t where status <> 'S' or reached <> 'S'
    or not exists (select from dragonpay_callbacks c where c.id = t.txnid and c.outcome = 'applied')
    or not exists (select from ledger l where l.txnid = t.txnid))::int as lost,
  (select count(*) from (select from ledger group by txnid having count(*) > 1) as twice)::int as doubled,
  (select coalesce(sum(deliveries), 0) from dragonpay_callbacks)::int as counted`);
  const { lost, doubled, counted } = rows[0] as { lost: number; doubled: number; counted: number };
  for (const stoppable of [...contenders, ...loads]) stoppable.stop();
  await database.end();
  const deliveries = processes * 2 * payments;
  return { processes, payments, deliveries, refused, lost, doubled, uncounted: deliveries - refused - counted };
}
