import { createHash } from 'node:crypto';
import type { JobQueue, QueueWorker } from '../../src/index.js';
import { assertMethods, assertNames, assertWorker } from '../assert-given.js';
import { type QueueTransaction, runInTransaction } from './kysely-transaction.js';

/** The part of pg-boss 10 that is used here. */
export interface PgBossLike {
  send(name: string, data: object, options: PgBossSendOptions): Promise<string | null>;
  getJobById(
    name: string,
    id: string,
    options: { db: PgBossSendOptions['db']; includeArchive: boolean },
  ): Promise<unknown>;
  createQueue(name: string): Promise<void>;
  work(
    name: string,
    options: { readonly batchSize: number; readonly pollingIntervalSeconds: number },
    handler: (jobs: Array<{ readonly data: object }>) => Promise<void>,
  ): Promise<string>;
}

interface PgBossSendOptions {
  id: string;
  db: { executeSql(text: string, values: unknown[]): Promise<{ rows: unknown[] }> };
  retryLimit?: number;
  retryDelay?: number;
  retryBackoff?: boolean;
  expireInSeconds?: number;
  priority?: number;
}

/** How failed jobs are repeated. The documentation of pg-boss explains each option. */
export type PgBossJobOptions = Pick<
  PgBossSendOptions,
  'retryLimit' | 'retryDelay' | 'retryBackoff' | 'expireInSeconds' | 'priority'
>;

const pgBoss = 'must be a PgBoss, as made by new PgBoss()';

const patient: PgBossJobOptions = { retryLimit: 20, retryDelay: 5, retryBackoff: true };

/**
 * Enqueues jobs with pg-boss, in the transaction that stores the status. The queues must exist: `workWithPgBoss` and
 * `boss.createQueue()` create them. A job for a missing queue is refused, and the status is rolled back with it.
 * @param options how failed jobs are repeated. Default: 20 times, with growing delays
 * @throws DragonpayError `invalid-setting` for a value that is not a PgBoss
 *
 * @example
 * const dragonpay = createDragonpay({ ..., queue: pgBossQueue(boss) });
 */
export function pgBossQueue(boss: PgBossLike, options: PgBossJobOptions = {}): JobQueue<QueueTransaction> {
  assertMethods(boss, ['send', 'getJobById'], 'boss', pgBoss);
  assertNames(options, 'retryLimit', 'retryDelay', 'retryBackoff', 'expireInSeconds', 'priority');
  return {
    async enqueue(trx, { queue, key, payload }) {
      const db = { executeSql: (text: string, values: unknown[]) => runInTransaction(trx, text, values) };
      const id = toUuid(key);
      const sent = await boss.send(queue, payload, { ...patient, ...options, id, db });
      // Null means that nothing was added: the job exists already, or the queue does not exist.
      if (sent === null && (await boss.getJobById(queue, id, { db, includeArchive: true })) === null) {
        throw new Error(`pg-boss has no queue ${queue}: call workWithPgBoss() or boss.createQueue() first`);
      }
    },
  };
}

/**
 * Creates the queues of a worker, and passes their jobs to it, one at a time for each queue. Call it in the processes
 * that do the work, after `boss.start()`. Rejects with `invalid-setting` for a value that is not a PgBoss, or not a
 * worker.
 *
 * @example
 * await workWithPgBoss(boss, dragonpay.work(CheckoutCallback));
 */
export async function workWithPgBoss(
  boss: PgBossLike,
  worker: QueueWorker,
  { pollingIntervalSeconds = 2 }: { readonly pollingIntervalSeconds?: number } = {},
): Promise<void> {
  assertMethods(boss, ['createQueue', 'work'], 'boss', pgBoss);
  assertWorker(worker);
  for (const queue of worker.queues) {
    await boss.createQueue(queue);
    await boss.work(queue, { batchSize: 1, pollingIntervalSeconds }, async (jobs) => {
      for (const { data } of jobs) await worker.run(data);
    });
  }
}

/** The key as a UUID. pg-boss identifies a job by it and does not add the same job twice. */
function toUuid(key: string): string {
  const hex = createHash('sha256').update(key).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
