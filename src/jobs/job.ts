import type { AppliedUpdate } from '../model/callback-update.js';
import type { VerifiedCallback } from '../model/verified-callback.js';
import { type CallbackKind, callbackKinds } from '../protocol/kinds.js';

/**
 * The port to a queue, for work that follows a commit. `dragonpay-callback/pg-boss` and
 * `dragonpay-callback/graphile-worker` implement it.
 */
export interface JobQueue<Trx = unknown> {
  /**
   * Adds a job within a transaction of the repository. The job exists only if the transaction commits. If the queue has
   * a job with this key, nothing is added. Rejects if the job could not be added, which rolls the transaction back.
   */
  enqueue(trx: Trx, job: Job): Promise<void>;
}

/** One unit of work for a queue. */
export interface Job {
  readonly queue: string;
  /** Unique for each queue, payment and status. The queue uses it to drop repeated jobs. */
  readonly key: string;
  /** A value for JSON, read by the worker that `dragonpay.work(Class)` makes. */
  readonly payload: JobPayload;
}

/** The callback as it was when its status was stored. */
export type JobPayload = Pick<VerifiedCallback, 'kind' | 'id' | 'status' | 'data' | 'unsigned' | 'proof' | 'origin'> & {
  readonly method: 'GET' | 'POST' | null;
  readonly update: AppliedUpdate;
  readonly queue: string;
  readonly key: string;
};

/** Makes the job for a status that was reached. */
export function jobOf(queue: string, callback: VerifiedCallback, update: AppliedUpdate): Job {
  const { kind, id, status, data, unsigned, proof, origin, method = null, occasion } = callback;
  const key = [queue, kind, id, status, ...(occasion === undefined ? [] : [occasion])].join(':');
  return { queue, key, payload: { kind, id, status, data, unsigned, proof, origin, method, update, queue, key } };
}

/** Whether a value has the shape of a payload that {@link jobOf} made. */
export function isJobPayload(value: unknown): value is JobPayload {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, id, status, queue, key, data } = value as Partial<JobPayload>;
  return (
    callbackKinds.includes(kind as CallbackKind) &&
    [id, status, queue, key].every((text) => typeof text === 'string') &&
    typeof data === 'object' &&
    data !== null
  );
}
