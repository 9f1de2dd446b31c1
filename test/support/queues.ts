import { Logger, makeWorkerUtils, type Runner, run } from 'graphile-worker';
import pg from 'pg';
import * as pgBoss from 'pg-boss';
import { graphileQueue, graphileTasks } from '../../adapters/queues/graphile-worker.js';
import { pgBossQueue, workWithPgBoss } from '../../adapters/queues/pg-boss.js';
import type { JobQueue, QueueWorker } from '../../src/index.js';

/** A queue that is ready for jobs. */
export interface ReadyQueue {
  // biome-ignore lint/suspicious/noExplicitAny: any database is accepted
  readonly queue: JobQueue<any>;
  /** Starts a worker in this process. It soon takes over the jobs of dead processes. */
  work(worker: QueueWorker): Promise<void>;
  /** The number of jobs that are waiting or running. */
  waiting(): Promise<number>;
  stop(): Promise<void>;
}

/** Prepares a database for a queue, with the queue name `ship`. */
export const queues: Readonly<Record<string, (url: string) => Promise<ReadyQueue>>> = {
  'pg-boss': readyPgBoss,
  'graphile-worker': readyGraphileWorker,
};

/** The class, under the name that pg-boss 12 exports it by, or as the default export of older versions. */
const PgBoss = (pgBoss as { PgBoss?: typeof pgBoss.default }).PgBoss ?? pgBoss.default;

async function readyPgBoss(url: string): Promise<ReadyQueue> {
  const boss = new PgBoss({ connectionString: url, maintenanceIntervalSeconds: 1, schedule: false, max: 4 });
  boss.on('error', () => {});
  await boss.start();
  await boss.createQueue('ship');
  return {
    queue: pgBossQueue(boss, { retryDelay: 1, retryBackoff: false, expireInSeconds: 2 }),
    work: (worker) => workWithPgBoss(boss, worker, { pollingIntervalSeconds: 0.5 }),
    waiting: async () => (await rowsOf(url, `select from pgboss.job where state < 'completed'`)).length,
    stop: () => boss.stop({ graceful: true, wait: true, timeout: 5_000 }),
  };
}

async function readyGraphileWorker(url: string): Promise<ReadyQueue> {
  const quiet = { connectionString: url, logger: new Logger(() => () => {}) };
  const utils = await makeWorkerUtils(quiet);
  await utils.migrate();
  let runner: Runner | undefined;
  return {
    queue: graphileQueue(),
    async work(worker) {
      // Graphile Worker takes over the jobs of a dead process after four hours, or when it is named here.
      const dead = await rowsOf(url, 'select locked_by as id from graphile_worker.jobs where locked_by is not null');
      await utils.forceUnlockWorkers(dead.map(({ id }) => id));
      const taskList = graphileTasks(worker);
      runner = await run({ ...quiet, concurrency: 1, noHandleSignals: true, pollInterval: 200, crontab: '', taskList });
    },
    waiting: async () => (await rowsOf(url, 'select from graphile_worker.jobs')).length,
    stop: async () => {
      await runner?.stop();
      await utils.release();
    },
  };
}

async function rowsOf(url: string, query: string): Promise<Array<{ id: string }>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(query)).rows;
  } finally {
    await client.end();
  }
}
