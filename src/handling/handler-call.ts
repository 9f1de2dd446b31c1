import { type Deadline, withinDeadline, withinOwnTime } from '../async/deadline.js';
import { forgive } from '../async/unawaited.js';
import { assertInstance } from '../decorators/assert-instance.js';
import { callMethod } from '../decorators/call-method.js';
import { DragonpayError } from '../errors.js';
import type { CallbackReply, CallbackRequest } from '../model/callback-request.js';
import type { Handler } from './handler-registry.js';

/** The work for which a method waited when its deadline passed, as the end of a sentence. */
const queryOfTrx = ': a query of callback.trx was running';
const noQueryOfTrx =
  ': it waited for something else than a query of callback.trx. A query that does not use callback.trx waits for a free connection';

/** Calls the methods of one handler for one callback, each within the deadline. */
export class HandlerCall {
  readonly handler: Handler;
  readonly #milliseconds: number;
  #instance: object | undefined;

  constructor(handler: Handler, milliseconds: number) {
    this.handler = handler;
    this.#instance = handler.instance;
    this.#milliseconds = milliseconds;
  }

  /** Whether the instance was resolved already. */
  get isPrepared(): boolean {
    return this.#instance !== undefined;
  }

  /** The name of a method, as `Class.method`. */
  nameOf(key: string | symbol): string {
    return `${this.handler.table.className}.${String(key)}`;
  }

  /**
   * Asks the resolver for the instance, once.
   * @throws DragonpayError `handler-deadline`, `handler-failed`; or the resolver's error
   */
  async prepare(): Promise<object> {
    if (this.#instance !== undefined) return this.#instance;
    const { table, resolve } = this.handler;
    const milliseconds = this.#milliseconds;
    const instance: unknown = await withinDeadline<unknown>(milliseconds, resolve, () => {
      const message = `the resolver of ${table.className} took longer than ${milliseconds} ms`;
      return new DragonpayError('handler-deadline', message);
    });
    this.#instance = assertInstance(instance, table.className);
    return this.#instance;
  }

  /**
   * Runs a method, or work in its name, within the deadline.
   * @param isQuerying whether a query of the method's transaction is running, if it has one
   * @throws HandlerError with what it threw, or with `handler-deadline`
   */
  run<Result>(
    key: string | symbol,
    work: (instance: object, deadline: Deadline) => Result | PromiseLike<Result>,
    isQuerying?: () => boolean,
  ): Promise<Result> {
    const instance = this.#instance;
    if (instance === undefined) return this.prepare().then(() => this.run(key, work, isQuerying));
    const milliseconds = this.#milliseconds;
    return withinDeadline(
      milliseconds,
      (deadline) => work(instance, deadline),
      () => {
        const awaited = isQuerying && (isQuerying() ? queryOfTrx : noQueryOfTrx);
        const message = `${this.nameOf(key)} took longer than ${milliseconds} ms${awaited ?? ''}`;
        return new DragonpayError('handler-deadline', message);
      },
      (cause) => new HandlerError(this.nameOf(key), cause),
    );
  }

  /**
   * Calls the `@OnDispatch` method around `next`. The time of `next` does not count for its deadline.
   * @throws DragonpayError `handler-failed` if it returns no reply, `handler-deadline`; or the method's error
   */
  async around(
    key: string | symbol,
    request: CallbackRequest,
    next: () => Promise<CallbackReply>,
  ): Promise<CallbackReply> {
    const instance = await this.prepare();
    const name = this.nameOf(key);
    const reply = await withinOwnTime(
      this.#milliseconds,
      (pausing) => callMethod(instance, key, request, () => pausing(next)),
      () => new DragonpayError('handler-deadline', `${name} took longer than ${this.#milliseconds} ms without next()`),
      () => nextTooLate(name),
    );
    return checkedReply(reply);
  }
}

/** The error of `next()` if it is called after the reply. It must not end the process if nothing awaits the call. */
function nextTooLate(name: string): DragonpayError {
  const message = `next() was called after ${name} had returned or passed its deadline: the callback was not handled`;
  const error = new DragonpayError('handler-failed', message);
  forgive(error, () => process.emitWarning(message, 'DragonpayWarning'));
  return error;
}

/** The error of a handler method, with the name of the method. */
export class HandlerError extends Error {
  override readonly name = 'HandlerError';
  readonly handler: string;

  constructor(handler: string, cause: unknown) {
    super(`${handler} failed`, { cause });
    this.handler = handler;
  }

  /** Whether a value is a HandlerError. A thrown proxy may throw again when it is asked. */
  static is(value: unknown): value is HandlerError {
    try {
      return value instanceof HandlerError;
    } catch {
      return false;
    }
  }
}

/** Copies the reply of an `@OnDispatch` method. The copy is checked and written, so that no later change is written. */
function checkedReply(value: unknown): CallbackReply {
  const { status, headers, body } = (
    typeof value === 'object' && value !== null ? value : {}
  ) as Partial<CallbackReply>;
  const isStatus = typeof status === 'number' && Number.isInteger(status) && status >= 200 && status <= 599;
  if (!isStatus || typeof headers !== 'object' || headers === null || typeof body !== 'string') {
    throw new DragonpayError('handler-failed', 'the @OnDispatch method returned no reply');
  }
  const entries = Object.entries(headers);
  for (const [name, text] of entries) {
    if (!isHeader(name, text)) {
      throw new DragonpayError('handler-failed', 'the @OnDispatch method returned a header that cannot be sent');
    }
  }
  return { status, headers: Object.fromEntries(entries), body: withoutBody.includes(status) ? '' : body };
}

/** The statuses that allow no body. Some hosts refuse a body, others drop it. */
const withoutBody = [204, 205, 304];

/** Headers that describe the connection or the length of the body belong to the server. */
const framingHeaders =
  /^(?:connection|content-length|http2-settings|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade)$/i;

/** Whether Node accepts a header. Otherwise, an error would be thrown while the reply is written. */
function isHeader(name: string, value: unknown): boolean {
  return (
    /^[\w!#$%&'*+.^`|~-]+$/.test(name) &&
    !framingHeaders.test(name) &&
    typeof value === 'string' &&
    !/[^\t\u0020-\u007e\u0080-\u00ff]/.test(value)
  );
}
