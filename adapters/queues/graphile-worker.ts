import type { JobQueue, QueueWorker } from '../../src/index.js';
import { assertMethods, assertNames, assertWorker } from '../assert-given.js';
import { type QueueTransaction, runInTransaction } from './kysely-transaction.js';

/** Options of {@link graphileQueue}. */
export interface GraphileQueueOptions {
  /** Graphile Worker's schema. Default: `graphile_worker`. */
  readonly schema?: string;
  /** How often a job is tried. Default: 25. */
  readonly maxAttempts?: number;
}

/** The part of a Graphile Worker task that is used here. */
export type GraphileTask = (payload: unknown, helpers: { readonly abortSignal?: AbortSignal }) => Promise<void>;

/**
 * Enqueues jobs of Graphile Worker in the transaction that stores the status. The task has the name of the queue, and the
 * key becomes the job key: a job that exists already, running or not, is not changed.
 * @throws DragonpayError `invalid-setting`
 *
 * @example
 * const dragonpay = createDragonpay({ ..., queue: graphileQueue() });
 */
export function graphileQueue(options: GraphileQueueOptions = {}): JobQueue<QueueTransaction> {
  assertNames(options, 'schema', 'maxAttempts');
  const { schema = 'graphile_worker', maxAttempts = 25 } = options;
  assertMethods(schema, ['replaceAll'], 'schema', 'must be a string');
  const statement = `select id::text as id from "${schema.replaceAll('"', '""')}".add_job(
  $1::text, payload := $2::json, job_key := $3::text, max_attempts := $4::integer, job_key_mode := 'unsafe_dedupe')`;
  return {
    async enqueue(trx, { queue, key, payload }) {
      await runInTransaction(trx, statement, [queue, JSON.stringify(payload), key, maxAttempts]);
    },
  };
}

/**
 * Makes the tasks of a worker, for the `taskList` of Graphile Worker's `run()`.
 * @throws DragonpayError `invalid-setting` for a value that is not a worker
 *
 * @example
 * const runner = await run({ pgPool: pool, taskList: graphileTasks(dragonpay.work(CheckoutCallback)) });
 */
export function graphileTasks(worker: QueueWorker): Record<string, GraphileTask> {
  assertWorker(worker);
  return Object.fromEntries(
    worker.queues.map((queue): [string, GraphileTask] => [
      queue,
      (payload, { abortSignal }) => worker.run(payload, { signal: abortSignal }),
    ]),
  );
}
