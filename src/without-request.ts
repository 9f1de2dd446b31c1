import type { CheckedSettings } from './check-settings.js';
import type { CorrectOptions, ReconcileOptions } from './create-dragonpay.js';
import { DragonpayError } from './errors.js';
import { HandlerCall, HandlerError } from './handler-call.js';
import type { Handler, HandlerOption, Handlers } from './handlers.js';
import { tell } from './hooks.js';
import { type ReconcileReport, reconcile } from './reconcile/reconcile.js';
import type { CallbackRepository, StatusEffect } from './repository/callback-repository.js';
import type { CallbackUpdate } from './repository/callback-update.js';
import { type Change, type Correction, isCorrectable } from './repository/correction.js';
import { isReconcilable } from './repository/reconcilable-repository.js';
import { fromEventKey, isReplayable } from './repository/replayable-repository.js';
import { type StoreParts, storeCallback } from './store-callback.js';
import { verifiedByHand } from './verification/from-correction.js';
import { verifiedByInbox } from './verification/from-inbox.js';
import type { VerifiedCallback } from './verification/verified-callback.js';

/** What {@link WithoutRequest} works with. */
export interface WithoutRequestParts {
  readonly merchantId: string;
  readonly checked: CheckedSettings;
  readonly storing: StoreParts;
  readonly repository: CallbackRepository | undefined;
  readonly saveData: boolean;
  readonly handlers: Handlers;
  /** Aborts when `close()` is called. */
  readonly closing: AbortSignal;
}

/** What a lease has over the bounds of its inquiry, in milliseconds: for timers that are late. */
const leaseReserve = 1_000;

/** News that came by no request: the gateway's answers, events of the inbox again, and corrections by hand. */
export class WithoutRequest {
  readonly #parts: WithoutRequestParts;

  constructor(parts: WithoutRequestParts) {
    this.#parts = parts;
  }

  async reconcile(options: ReconcileOptions = {}): Promise<ReconcileReport> {
    const { checked, storing, handlers, closing } = this.#parts;
    const { olderThan = 900_000, limit = 100, txnids, concurrency = 4, signal } = options;
    checkLeast('olderThan', olderThan, 0);
    checkLeast('limit', limit, 1);
    checkLeast('concurrency', concurrency, 1);
    const { inquiry, inquiryMilliseconds, limits } = checked;
    if (inquiry === undefined) throw unset('apiKey', 'is missing: reconcile() asks the gateway');
    const repository = this.#repository();
    if (!isReconcilable(repository)) throw new DragonpayError('not-supported', 'the repository cannot be reconciled');
    const handler = handlers.for('payment', options);
    return reconcile(txnids === undefined ? { olderThan, limit } : { txnids }, {
      repository,
      inquiry,
      deliver: (callback) => this.#deliver(callback, repository, handler),
      lease: inquiryMilliseconds + 2 * limits.storeMilliseconds + limits.handlerMilliseconds + leaseReserve,
      concurrency,
      signal: signal === undefined ? closing : AbortSignal.any([closing, signal]),
      inquired: (event) => {
        tell(storing.hooks.inquired, event);
        tell(options.inquired, event);
      },
    });
  }

  async replay(key: string, options: HandlerOption = {}): Promise<CallbackUpdate> {
    const { checked, handlers, merchantId } = this.#parts;
    const name = fromEventKey(key);
    const repository = this.#repository();
    if (!isReplayable(repository)) throw new DragonpayError('not-supported', 'the repository keeps no events');
    const handler = handlers.for(name.kind, options);
    const event = await repository.findEvent(name);
    if (event === undefined) throw new DragonpayError('no-such-event', 'the inbox holds no event with this key');
    return this.#deliver(verifiedByInbox(event, checked.wire, merchantId), repository, handler);
  }

  async correct(id: string, change: Change, options: CorrectOptions): Promise<Correction> {
    const { handler: _, runEffects = false, ...rest } = options;
    const repository = this.#repository();
    if (!isCorrectable(repository)) throw new DragonpayError('not-supported', 'the repository cannot be corrected');
    const effect = runEffects ? await this.#effectByHand(id, change, options, repository) : undefined;
    return unwrapped(repository.correct(id, change, { ...rest, ...(effect && { effect }) }));
  }

  #repository(): CallbackRepository {
    const { repository, saveData } = this.#parts;
    if (repository === undefined || !saveData) throw unset('repository', 'is missing, or not to be stored in');
    return repository;
  }

  /** Rejects where nothing was stored. */
  #deliver(callback: VerifiedCallback, repository: CallbackRepository, handler: Handler): Promise<CallbackUpdate> {
    const { storing } = this.#parts;
    const call = this.#callOf(handler, repository);
    const delivered = async () => {
      await call.prepare();
      const { update, error } = await storeCallback(callback, call, repository, storing);
      if (update.outcome === 'unstored') throw error;
      return update;
    };
    return unwrapped(delivered());
  }

  async #effectByHand(
    id: string,
    change: Change,
    options: CorrectOptions,
    repository: CallbackRepository,
  ): Promise<StatusEffect | undefined> {
    const { handlers, merchantId, storing } = this.#parts;
    const { kind = 'payment' } = options;
    const handler = handlers.for(kind, options);
    const row = await (kind === 'payment' ? repository.findTransaction(id) : repository.findPayout(id));
    if (row === undefined) return undefined;
    const { status = row.status, refno = row.refno ?? '', amount = row.amount, currency = row.currency } = change;
    const callback = verifiedByHand({ kind, id, refno, status, amount, currency }, options, merchantId);
    const run = this.#callOf(handler, repository).effectOf(callback, storing.queue);
    return run && { milliseconds: storing.limits.handlerMilliseconds, run };
  }

  #callOf({ table, resolve }: Handler, repository: CallbackRepository): HandlerCall {
    return new HandlerCall(table, resolve, this.#parts.storing.limits.handlerMilliseconds, undefined, repository);
  }
}

/** What a method threw goes to the program as it is. */
async function unwrapped<Result>(running: Promise<Result>): Promise<Result> {
  try {
    return await running;
  } catch (error) {
    throw error instanceof HandlerError ? error.cause : error;
  }
}

function checkLeast(option: string, value: number, least: number): void {
  if (!Number.isFinite(value) || value < least) throw unset(option, `is less than ${least}`);
}

function unset(subject: string, complaint: string): DragonpayError {
  return new DragonpayError('invalid-setting', `${subject} ${complaint}`, { subject });
}
