import type { HandlerTable } from '../decorators/handler-table.js';
import { DragonpayError } from '../errors.js';
import type { QueuedCallback } from '../model/callback.js';
import type { CallbackRepository } from '../repository/callback-repository.js';
import { isJobPayload } from './job.js';

/** The worker's side of the queues of a handler class. An adapter of a queue hands it jobs. */
export interface QueueWorker {
  /** The queues that the class has methods for. */
  readonly queues: readonly string[];
  /**
   * Does the work of one job: calls the method. Rejects as that does, and for a payload that is none; the queue is to
   * try again.
   * @param options.signal aborts when the queue wants its worker back
   */
  run(payload: unknown, options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
}

/** Makes the worker of a handler class. */
export function queueWorker(
  table: HandlerTable,
  resolve: () => object | Promise<object>,
  repository: CallbackRepository | undefined,
): QueueWorker {
  return {
    queues: [...new Set(table.queued.map(({ queue }) => queue))],
    async run(payload, { signal = new AbortController().signal } = {}) {
      if (!isJobPayload(payload)) throw new DragonpayError('job-refused', 'this is no job of dragonpay-callback');
      const { kind, id, status, queue, key, method, ...rest } = payload;
      const entry = table.queued.find((one) => one.queue === queue && one.kind === kind && one.status === status);
      if (entry === undefined) {
        const message = `${table.className} has no method for ${kind}s in ${status} in the queue ${queue}`;
        throw new DragonpayError('job-refused', message, { subject: queue });
      }
      const handler: unknown = await resolve();
      if (typeof handler !== 'object' || handler === null) {
        throw new DragonpayError('handler-failed', `the resolver has no ${table.className}`);
      }
      const callback = {
        ...rest,
        valid: true,
        kind,
        status,
        method: method ?? undefined,
        signal,
        job: { queue, key },
        stored: async () => (kind === 'payment' ? repository?.findPayment(id) : repository?.findPayout(id)),
      };
      await Reflect.get(handler, entry.key).call(handler, callback as unknown as QueuedCallback);
    },
  };
}
