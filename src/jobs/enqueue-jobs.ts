import type { QueuedEntry } from '../decorators/handler-table.js';
import { DragonpayError } from '../errors.js';
import type { AppliedUpdate } from '../model/callback-update.js';
import type { VerifiedCallback } from '../model/verified-callback.js';
import { describeError } from '../observability/describe-error.js';
import { type JobQueue, jobOf } from './job.js';

/**
 * Enqueues the jobs of a status within the transaction that stores it.
 * @throws DragonpayError `job-not-enqueued`
 */
export async function enqueueJobs(
  entries: readonly QueuedEntry[],
  callback: VerifiedCallback,
  update: AppliedUpdate,
  queue: JobQueue | undefined,
  trx: unknown,
): Promise<void> {
  for (const entry of entries) {
    const job = jobOf(entry.queue, callback, update);
    const message = `the job for the queue ${job.queue} was not enqueued`;
    if (queue === undefined) throw new DragonpayError('job-not-enqueued', `${message}: the setting queue is missing`);
    try {
      await queue.enqueue(trx, job);
    } catch (cause) {
      const why = `${message}: ${describeError(cause).message}`;
      throw new DragonpayError('job-not-enqueued', why, { subject: job.queue, cause });
    }
  }
}
