import type { Deadline } from '../async/deadline.js';
import { assertDone } from '../decorators/assert-done.js';
import { callMethod } from '../decorators/call-method.js';
import { enqueueJobs } from '../jobs/enqueue-jobs.js';
import type { JobQueue } from '../jobs/job.js';
import type { VerifiedCallback } from '../model/verified-callback.js';
import { effectChannel, traced } from '../observability/channels.js';
import type { StatusEffect } from '../repository/callback-repository.js';
import type { HandlerCall } from './handler-call.js';
import { type CallbackSource, toValidCallback } from './to-callback.js';

/**
 * The work that a status causes, to be run inside the transaction that stores the move: the `@OnStatus` method of the
 * status, then the jobs of its methods with a `queue`. `undefined` if the class has neither.
 */
export function statusEffect(
  callback: VerifiedCallback,
  call: HandlerCall,
  source: CallbackSource,
  queue: JobQueue | undefined,
): StatusEffect['run'] | undefined {
  const { kind, id, status } = callback;
  const { table } = call.handler;
  const key = table.status[kind].get(status);
  const jobs = table.queued.filter((entry) => entry.kind === kind && entry.status === status);
  const first = key ?? jobs[0]?.key;
  if (first === undefined) return undefined;
  const run: StatusEffect['run'] = (update, trx, isQuerying) => {
    const work = async (instance: object, deadline: Deadline) => {
      if (key !== undefined) {
        const stored = Object.assign(toValidCallback(callback, update, source, deadline, trx), { trx });
        assertDone(await callMethod(instance, key, stored));
      }
      await enqueueJobs(jobs, callback, update, queue, trx);
    };
    return call.run(first, work, isQuerying);
  };
  return async (...given) => {
    if (!effectChannel.hasSubscribers) return run(...given);
    return traced(effectChannel, { kind, id, status, handler: call.nameOf(first) }, () => run(...given));
  };
}
