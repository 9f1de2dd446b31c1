import { assertDone } from '../decorators/assert-done.js';
import { assertInstance } from '../decorators/assert-instance.js';
import { callMethod } from '../decorators/call-method.js';
import type { HandlerTable } from '../decorators/handler-table.js';
import { DragonpayError } from '../errors.js';
import type { QueuedCallback } from '../model/callback.js';
import { jobChannel, traced } from '../observability/channels.js';
import type { CallbackRepository } from '../repository/callback-repository.js';
import { findRow } from '../repository/find-row.js';
import { isJobPayload } from './job.js';

/** Does the jobs of a handler class. An adapter of a queue passes jobs to it. */
export interface QueueWorker {
  /** The queues that the class has methods for. */
  readonly queues: readonly string[];
  /**
   * Does one job: calls its method. Rejects with the method's error, and with `job-refused` for a payload that is not
   * a job of the class. The queue must try again.
   * @param options.signal aborts when the queue stops its worker
   */
  run(payload: unknown, options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
}

/** Makes the worker of a handler class. */
export function queueWorker(
  { table, resolve }: { readonly table: HandlerTable; readonly resolve: () => unknown },
  repository: CallbackRepository | undefined,
): QueueWorker {
  return {
    queues: [...new Set(table.queued.map(({ queue }) => queue))],
    async run(payload, { signal = new AbortController().signal } = {}) {
      if (!isJobPayload(payload)) {
        throw new DragonpayError('job-refused', 'the payload is not a job of dragonpay-callback');
      }
      const { kind, id, status, queue, key, method, ...rest } = payload;
      const entry = table.queued.find((one) => one.queue === queue && one.kind === kind && one.status === status);
      if (entry === undefined) {
        const message = `${table.className} has no method for ${kind}s in ${status} in the queue ${queue}`;
        throw new DragonpayError('job-refused', message, { subject: queue });
      }
      const callback = {
        ...rest,
        valid: true,
        kind,
        status,
        method: method ?? undefined,
        signal,
        job: { queue, key },
        stored: async () => repository && findRow(repository, kind, id),
      };
      const work = async () => {
        const handler = assertInstance(await resolve(), table.className);
        assertDone(await callMethod(handler, entry.key, callback as unknown as QueuedCallback));
      };
      if (!jobChannel.hasSubscribers) return work();
      const name = `${table.className}.${String(entry.key)}`;
      await traced(jobChannel, { queue, kind, id, status, handler: name }, work);
    },
  };
}
