import type { AppliedUpdate } from '../model/callback-update.js';
import type { VerifiedCallback } from '../model/verified-callback.js';

/**
 * The port to a queue: where work that follows a commit goes. `dragonpay-callback/pg-boss` and
 * `dragonpay-callback/graphile-worker` have two.
 */
export interface JobQueue<Trx = unknown> {
  /**
   * Adds a job within a transaction of the repository: it exists when that commits, and only then. A key that the
   * queue has seen adds nothing. Rejects when the job is not added; the transaction is then rolled back.
   */
  enqueue(trx: Trx, job: Job): Promise<void>;
}

/** Work for a queue. */
export interface Job {
  readonly queue: string;
  /** One of its own for each queue, payment and status: it tells repeats apart. */
  readonly key: string;
  /** JSON, for the worker that `dragonpay.work(Class)` makes. */
  readonly payload: JobPayload;
}

/** What a job carries: the callback as it was when its status was stored. */
export type JobPayload = Pick<VerifiedCallback, 'kind' | 'id' | 'status' | 'data' | 'unsigned' | 'proof' | 'origin'> & {
  readonly method: 'GET' | 'POST' | null;
  readonly update: AppliedUpdate;
  readonly queue: string;
  readonly key: string;
};

/** Makes the job of a status that was reached. */
export function jobOf(queue: string, callback: VerifiedCallback, update: AppliedUpdate): Job {
  const { kind, id, status, data, unsigned, proof, origin, method = null } = callback;
  const { occasion } = callback;
  const key = [queue, kind, id, status, ...(occasion === undefined ? [] : [occasion])].join(':');
  return { queue, key, payload: { kind, id, status, data, unsigned, proof, origin, method, update, queue, key } };
}

/** Whether a value is a payload that {@link jobOf} made, as far as it can be seen after its way through a queue. */
export function isJobPayload(value: unknown): value is JobPayload {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, id, status, queue, key, data } = value as Partial<JobPayload>;
  return (
    (kind === 'payment' || kind === 'payout') &&
    [id, status, queue, key].every((text) => typeof text === 'string') &&
    typeof data === 'object' &&
    data !== null
  );
}
