import { withinDeadline } from '../async/deadline.js';
import type { InFlight } from '../async/in-flight.js';
import { wait } from '../async/wait.js';
import { DragonpayError } from '../errors.js';
import type { JobQueue } from '../jobs/job.js';
import type { CallbackRequest } from '../model/callback-request.js';
import type { RecordedUpdate } from '../model/callback-update.js';
import type { VerifiedCallback } from '../model/verified-callback.js';
import { type StoreTrace, storeChannel, traced } from '../observability/channels.js';
import type { Hooks } from '../observability/hooks.js';
import { tell } from '../observability/tell.js';
import type { CallbackRepository, StatusEffect } from '../repository/callback-repository.js';
import { isConfirmable, isReplayable } from '../repository/capabilities.js';
import { findRow } from '../repository/find-row.js';
import type { Limits } from '../settings/settings.js';
import { Copies, isCopyTooMany, type Stored } from './copies.js';
import { type HandlerCall, HandlerError } from './handler-call.js';
import { statusEffect } from './status-effect.js';

/** Asks the gateway about a callback before it is applied. */
export interface Confirmation {
  isNeeded(callback: VerifiedCallback): boolean;
  /** Resolves to the callback to apply. Rejects if the gateway says otherwise, or does not answer. */
  confirm(callback: VerifiedCallback): Promise<VerifiedCallback>;
}

/** The parts of a {@link CallbackStore}. */
interface CallbackStoreParts {
  readonly repository: CallbackRepository;
  readonly limits: Required<Limits>;
  readonly hooks: Hooks;
  /** Follows statements that may outlast their reply. */
  readonly inFlight: InFlight;
  /** The queue for the jobs of `@OnStatus` methods. */
  readonly queue: JobQueue | undefined;
  readonly confirmation: Confirmation | undefined;
  /** Counts the callbacks that are being stored, in all stores of a receiver. */
  readonly storing: { count: number };
}

/** How many callbacks may wait for their rows at the same time. More are answered at once. */
const mostEarly = 1_000;

/** Stores verified callbacks of any origin, and runs their `@OnStatus` methods in the same transaction. */
export class CallbackStore {
  readonly #parts: CallbackStoreParts;
  #early = 0;
  /** By row, the last callback that waits for it. */
  readonly #lastEarly = new Map<string, Promise<unknown>>();
  readonly #copies: Copies;

  constructor(parts: CallbackStoreParts) {
    this.#parts = parts;
    this.#copies = new Copies(parts.limits.storeMilliseconds);
  }

  get repository(): CallbackRepository {
    return this.#parts.repository;
  }

  get limits(): Required<Limits> {
    return this.#parts.limits;
  }

  /** The effect of a callback's status. `undefined` if its class has no method for this status. */
  effectOf(callback: VerifiedCallback, call: HandlerCall, request?: CallbackRequest): StatusEffect['run'] | undefined {
    const { repository, queue } = this.#parts;
    return statusEffect(callback, call, { request, repository }, queue);
  }

  /** Rejects only with a {@link HandlerError}, after rolling back. */
  store(callback: VerifiedCallback, call: HandlerCall, request?: CallbackRequest): Promise<Stored> {
    if (!storeChannel.hasSubscribers) return this.#storeAndTell(callback, call, request);
    const { kind, id, refno, status, origin, method } = callback;
    const trace: StoreTrace = { kind, id, refno, status, origin, method };
    return traced(storeChannel, trace, () => this.#storeAndTell(callback, call, request, trace));
  }

  async #storeAndTell(
    callback: VerifiedCallback,
    call: HandlerCall,
    request: CallbackRequest | undefined,
    trace?: StoreTrace,
  ): Promise<Stored> {
    const { repository, hooks, storing } = this.#parts;
    let attempted: VerifiedCallback | undefined;
    const attempt = (one: VerifiedCallback) => {
      attempted = one;
      return this.#attempt(one, call, request);
    };
    const isFromSender = callback.origin === 'callback';
    // Neither of the two promises rejects.
    storing.count++;
    const stored = await (isFromSender ? this.#copies.store(callback, attempt) : attempt(callback));
    storing.count--;
    if (trace !== undefined) {
      trace.outcome = stored.update.outcome;
      trace.error = stored.error;
    }
    const { kind, id, refno, status, origin, method } = callback;
    if (!isCopyTooMany(stored)) tell(hooks.stored, { kind, id, refno, status, origin, method, ...stored });
    if (HandlerError.is(stored.error)) {
      const failed = attempted;
      if (failed !== undefined && isReplayable(repository)) {
        // recordFailure() only serves replay(): the reply does not depend on its success.
        await this.#withinLimit(() => repository.recordFailure(failed)).catch(() => {});
      }
      throw stored.error;
    }
    return stored;
  }

  /**
   * A callback may come before the transaction of its order has committed. It is recorded first, so that it is not lost
   * with the process; then it waits for its row, and is stored again.
   */
  async #storeWhenThere(callback: VerifiedCallback, effect: StatusEffect | undefined): Promise<RecordedUpdate> {
    const update = await this.#store(callback, effect);
    if (update.outcome !== 'not-found' || callback.origin !== 'callback' || this.#early >= mostEarly) return update;
    const storedInTurn = this.#afterEarlier(callback, this.#rowAppears(callback), () => this.#store(callback, effect));
    return (await storedInTurn) ?? update;
  }

  /** Callbacks that wait for the same row are stored in the order of their arrival. */
  async #afterEarlier<Result>(
    { kind, id }: VerifiedCallback,
    appears: Promise<boolean>,
    store: () => Promise<Result>,
  ): Promise<Result | undefined> {
    const row = `${kind} ${id}`;
    const before = this.#lastEarly.get(row);
    const stored = appears.then(async (isThere) => {
      await before;
      return isThere ? store() : undefined;
    });
    const settled = stored.catch(() => {});
    this.#lastEarly.set(row, settled);
    try {
      return await stored;
    } finally {
      if (this.#lastEarly.get(row) === settled) this.#lastEarly.delete(row);
    }
  }

  /**
   * Waits for the row. Holds no connection between two look-ups. Never rejects, because the callback is recorded
   * already.
   */
  async #rowAppears({ kind, id }: VerifiedCallback): Promise<boolean> {
    const { repository, limits } = this.#parts;
    this.#early++;
    // In a crowd, the look-ups are fewer and at random times: many at once would hold up all other statements.
    const shortened = (Math.random() * this.#early) / mostEarly / 2;
    const giveUpAt = performance.now() + limits.earlyMilliseconds * (1 - shortened);
    try {
      for (let pause = 25; performance.now() < giveUpAt; pause = Math.min(2 * pause, 400)) {
        const spread = Math.max(pause, this.#early * (0.5 + Math.random()));
        await wait(Math.min(spread, Math.max(giveUpAt - performance.now(), 1)));
        if ((await this.#withinLimit(() => findRow(repository, kind, id))) !== undefined) return true;
      }
      return false;
    } catch {
      return false;
    } finally {
      this.#early--;
    }
  }

  /** Never rejects. */
  async #attempt(callback: VerifiedCallback, call: HandlerCall, request?: CallbackRequest): Promise<Stored> {
    try {
      const run = this.effectOf(callback, call, request);
      const effect = run && { milliseconds: this.#parts.limits.handlerMilliseconds, run };
      return { update: await this.#storeWhenThere(callback, effect) };
    } catch (error) {
      return { update: { outcome: 'unstored' }, error: toHandlerError(error, call) };
    }
  }

  #store(callback: VerifiedCallback, effect: StatusEffect | undefined): Promise<RecordedUpdate> {
    const { confirmation } = this.#parts;
    return confirmation?.isNeeded(callback)
      ? this.#storeConfirmed(callback, effect, confirmation)
      : this.#put(callback, effect);
  }

  async #storeConfirmed(
    callback: VerifiedCallback,
    effect: StatusEffect | undefined,
    confirmation: Confirmation,
  ): Promise<RecordedUpdate> {
    const { repository, inFlight, limits } = this.#parts;
    const milliseconds = limits.storeMilliseconds;
    if (isConfirmable(repository)) {
      // If the callback would change nothing, it is recorded without an inquiry.
      const update = await this.#withinLimit(() => repository.storeUnlessMovable(callback, { milliseconds }));
      if (update !== 'movable') return update;
    }
    // No transaction is open during the inquiry.
    return this.#put(await inFlight.follow(confirmation.confirm(callback)), effect);
  }

  #put(callback: VerifiedCallback, effect: StatusEffect | undefined): Promise<RecordedUpdate> {
    const { repository, limits } = this.#parts;
    const milliseconds = limits.storeMilliseconds + (effect?.milliseconds ?? 0);
    return this.#withinLimit(() => repository.store(callback, effect, { milliseconds }), effect?.milliseconds);
  }

  /** `close()` still waits for a statement after its deadline has passed. */
  #withinLimit<Result>(run: () => Promise<Result>, effectMilliseconds = 0): Promise<Result> {
    const { limits, inFlight } = this.#parts;
    const bound = limits.storeMilliseconds + effectMilliseconds;
    return withinDeadline(
      bound,
      () => inFlight.follow(run()),
      () => new DragonpayError('unstored', `the database took longer than ${bound} ms`),
    );
  }
}

/**
 * Makes a {@link HandlerError} of a fault that the repository finds after the method returned, such as a missing
 * `await`.
 */
function toHandlerError(error: unknown, { handler }: HandlerCall): unknown {
  const isOfHandler = DragonpayError.is(error) && error.code === 'handler-failed';
  return isOfHandler ? new HandlerError(handler.table.className, error) : error;
}
