import { type Deadline, withinDeadline, withSignal } from '../async/deadline.js';
import type { HandlerTable } from '../decorators/handler-table.js';
import { DragonpayError } from '../errors.js';
import { type Job, type JobQueue, jobOf } from '../jobs/job.js';
import type { Callback, InvalidCallback, ValidCallback } from '../model/callback.js';
import type { CallbackReply, CallbackRequest } from '../model/callback-request.js';
import type { AppliedUpdate, CallbackUpdate } from '../model/callback-update.js';
import type { VerifiedCallback } from '../model/verified-callback.js';
import type { ReceivedFields } from '../reading/read-fields.js';
import type { CallbackRepository } from '../repository/callback-repository.js';

/**
 * A request of the testing kit may hold a function under this symbol, which no server's request does. It is called when
 * a method has done its work, and what it throws the method has thrown: a failure cannot be arranged from outside.
 */
export const afterMethod = Symbol.for('dragonpay-callback.afterMethod');

interface TestRequest extends CallbackRequest {
  readonly [afterMethod]?: () => void;
}

/** Calls the methods of one handler for one request, each within the deadline. */
export class HandlerCall {
  readonly #table: HandlerTable;
  readonly #resolve: () => object | Promise<object>;
  readonly #milliseconds: number;
  /** None for news that did not come by a request: only `@OnStatus` methods are called for it. */
  readonly #request: CallbackRequest | undefined;
  readonly #repository: CallbackRepository | undefined;
  #instance: object | undefined;

  constructor(
    table: HandlerTable,
    resolve: () => object | Promise<object>,
    milliseconds: number,
    request: CallbackRequest | undefined,
    repository: CallbackRepository | undefined,
  ) {
    this.#table = table;
    this.#resolve = resolve;
    this.#milliseconds = milliseconds;
    this.#request = request;
    this.#repository = repository;
  }

  /** Calls the `@OnDispatch` method around `next`. */
  async around(key: string | symbol, next: () => Promise<CallbackReply>): Promise<CallbackReply> {
    const answer = await this.#call(await this.#handler(), key, this.#request, next);
    if (!isReply(answer)) throw new DragonpayError('handler-failed', 'the @OnDispatch method returned no reply');
    return answer;
  }

  /** Makes sure that there is an instance to call, before anything is stored for it. A promise where it takes time. */
  prepare(): unknown {
    const { status, queued } = this.#table;
    const isNeeded = this.#verbKey() !== undefined || status.payment.size + status.payout.size + queued.length > 0;
    return isNeeded ? this.#handler() : undefined;
  }

  /**
   * What a status is to cause, where it is something: to be run inside the transaction that stores the move. Calls the
   * method for the status, and enqueues the jobs of those that work for a queue.
   */
  effectOf(
    callback: VerifiedCallback,
    queue: JobQueue | undefined,
  ): ((update: AppliedUpdate, trx: unknown) => Promise<void>) | undefined {
    const { kind, status } = callback;
    const key = this.#table.status[kind].get(status);
    const ofAny = this.#table.queued;
    const queued = ofAny.length === 0 ? ofAny : ofAny.filter((entry) => entry.kind === kind && entry.status === status);
    const first = key ?? queued[0]?.key;
    if (first === undefined) return undefined;
    return async (update, trx) => {
      const handler = await this.#handler();
      await this.#within(first, async (deadline) => {
        if (key !== undefined) {
          await this.#call(handler, key, Object.assign(this.#valid(callback, update, deadline, trx), { trx }));
        }
        for (const entry of queued) await this.#enqueue(jobOf(entry.queue, callback, update), queue, trx);
      });
    };
  }

  async #enqueue(job: Job, queue: JobQueue | undefined, trx: unknown): Promise<void> {
    try {
      if (queue === undefined) throw new Error('there is no setting `queue`');
      await queue.enqueue(trx, job);
    } catch (cause) {
      throw new Error(`the job for the queue ${job.queue} was not enqueued`, { cause });
    }
  }

  /** Calls the `@OnGet` or `@OnPost` method for a verified callback; `undefined` where there is none. */
  onValid(callback: VerifiedCallback, update: CallbackUpdate): unknown {
    return this.#onVerb((deadline) => this.#valid(callback, update, deadline));
  }

  /** Calls the `@OnGet` or `@OnPost` method for an invalid callback. */
  onInvalid(issues: InvalidCallback['issues'], fields: ReceivedFields): unknown {
    const request = this.#request as CallbackRequest;
    return this.#onVerb((deadline) => {
      const invalid: Omit<InvalidCallback, 'signal'> = {
        valid: false,
        origin: 'callback',
        method: request.method as 'GET' | 'POST',
        issues,
        received: fields.received,
        update: { outcome: 'skipped' },
        request,
      };
      return withSignal(invalid, deadline);
    });
  }

  #onVerb(toCallback: (deadline: Deadline) => Callback): unknown {
    const key = this.#verbKey();
    if (key === undefined) return undefined;
    const call = (handler: object) => this.#within(key, (deadline) => this.#call(handler, key, toCallback(deadline)));
    const handler = this.#handler();
    return handler instanceof Promise ? handler.then(call) : call(handler);
  }

  #verbKey(): string | symbol | undefined {
    if (this.#request === undefined) return undefined;
    return this.#request.method === 'GET' ? this.#table.get : this.#table.post;
  }

  #handler(): object | Promise<object> {
    return this.#instance ?? this.#resolveHandler();
  }

  #resolveHandler(): object | Promise<object> {
    const milliseconds = this.#milliseconds;
    const late = () => {
      const message = `the resolver of ${this.#table.className} took longer than ${milliseconds} ms`;
      return new DragonpayError('handler-deadline', message);
    };
    const resolved: unknown = withinDeadline<unknown>(milliseconds, this.#resolve, late);
    return resolved instanceof Promise ? resolved.then((instance) => this.#keep(instance)) : this.#keep(resolved);
  }

  #keep(instance: unknown): object {
    if (typeof instance !== 'object' || instance === null) {
      throw new DragonpayError('handler-failed', `the resolver has no ${this.#table.className}`);
    }
    this.#instance = instance;
    return instance;
  }

  #call(handler: object, key: string | symbol, ...args: unknown[]): unknown {
    return Reflect.get(handler, key).apply(handler, args);
  }

  /** Errors carry the name of the method that they came from. */
  #within(key: string | symbol, run: (deadline: Deadline) => unknown): unknown {
    const name = () => `${this.#table.className}.${String(key)}`;
    const after = (this.#request as TestRequest | undefined)?.[afterMethod];
    return withinDeadline(
      this.#milliseconds,
      after === undefined ? run : andThen(run, after),
      () => new DragonpayError('handler-deadline', `${name()} took longer than ${this.#milliseconds} ms`),
      (reason) => new HandlerError(name(), reason),
    );
  }

  #valid(verified: VerifiedCallback, update: CallbackUpdate, deadline: Deadline, trx?: unknown): ValidCallback {
    const { kind, id, status, data, unsigned, proof, origin, method, inquiry } = verified;
    const repository = this.#repository;
    const options = trx === undefined ? {} : { trx };
    const request = this.#request;
    const stored = async () =>
      kind === 'payment' ? repository?.findPayment(id, options) : repository?.findPayout(id, options);
    const valid = { valid: true, kind, origin, method, status, data, unsigned, proof, update, request, stored };
    return withSignal(inquiry === undefined ? valid : { ...valid, inquiry }, deadline) as ValidCallback;
  }
}

function andThen(run: (deadline: Deadline) => unknown, after: () => void): (deadline: Deadline) => Promise<unknown> {
  return async (deadline) => {
    const result = await run(deadline);
    after();
    return result;
  };
}

/** What a handler method failed with, and which it was. */
export class HandlerError extends Error {
  override readonly name = 'HandlerError';
  readonly handler: string;

  constructor(handler: string, cause: unknown) {
    super(`${handler} failed`, { cause });
    this.handler = handler;
  }
}

function isReply(value: unknown): value is CallbackReply {
  if (typeof value !== 'object' || value === null) return false;
  const { status, headers, body } = value as Partial<CallbackReply>;
  if (typeof headers !== 'object' || headers === null || typeof body !== 'string') return false;
  const inRange = Number.isInteger(status) && Number(status) >= 200 && Number(status) <= 599;
  return inRange && Object.entries(headers).every(isHeader);
}

/** Whether Node takes a header: one that it does not would throw where the reply is written. */
function isHeader([name, value]: [string, unknown]): boolean {
  return (
    /^[\w!#$%&'*+.^`|~-]+$/.test(name) && typeof value === 'string' && !/[^\t\u0020-\u007e\u0080-\u00ff]/.test(value)
  );
}
