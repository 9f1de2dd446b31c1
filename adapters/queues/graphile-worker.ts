import type { JobQueue, QueueWorker } from '../../src/index.js';
import { type QueueTransaction, runInTransaction } from './kysely-transaction.js';

/** Options of {@link graphileQueue}. */
export interface GraphileQueueOptions {
  /** Graphile Worker's schema; `graphile_worker` when not given. */
  readonly schema?: string;
  /** How often a job is tried; 25 when not given. */
  readonly maxAttempts?: number;
}

/** A task of Graphile Worker, as far as it is used here. */
export type GraphileTask = (payload: unknown, helpers: { readonly abortSignal?: AbortSignal }) => Promise<void>;

/**
 * Enqueues jobs of Graphile Worker in the transaction that stores the status. The task is named as the queue is, and
 * the job has the key as its job key: one that is there already, in work or not, is left as it is.
 *
 * @example
 * const dragonpay = createDragonpay({ ..., queue: graphileQueue() });
 */
export function graphileQueue({
  schema = 'graphile_worker',
  maxAttempts = 25,
}: GraphileQueueOptions = {}): JobQueue<QueueTransaction> {
  const statement = `select id::text as id from "${schema.replaceAll('"', '""')}".add_job(
  $1::text, payload := $2::json, job_key := $3::text, max_attempts := $4::integer, job_key_mode := 'unsafe_dedupe')`;
  return {
    async enqueue(trx, { queue, key, payload }) {
      await runInTransaction(trx, statement, [queue, JSON.stringify(payload), key, maxAttempts]);
    },
  };
}

/**
 * The tasks of a worker, for the `taskList` of Graphile Worker's `run()`.
 *
 * @example
 * const runner = await run({ pgPool: pool, taskList: graphileTasks(dragonpay.work(CheckoutCallback)) });
 */
export function graphileTasks(worker: QueueWorker): Record<string, GraphileTask> {
  return Object.fromEntries(
    worker.queues.map((queue): [string, GraphileTask] => [
      queue,
      (payload, { abortSignal }) => worker.run(payload, { signal: abortSignal }),
    ]),
  );
}
