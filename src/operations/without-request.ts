import { firstSignal } from '../async/any-signal.js';
import { DragonpayError } from '../errors.js';
import { HandlerCall, HandlerError } from '../handling/handler-call.js';
import type { Handler, HandlerOption, Handlers } from '../handling/handler-registry.js';
import { type StoreParts, storeCallback } from '../handling/store-callback.js';
import type { CallbackUpdate } from '../model/callback-update.js';
import type { VerifiedCallback } from '../model/verified-callback.js';
import type { InquiredEvent } from '../observability/hooks.js';
import { tell } from '../observability/hooks.js';
import { idShape } from '../protocol/field-shapes.js';
import type { CallbackRepository, StatusEffect } from '../repository/callback-repository.js';
import { isCorrectable, isReconcilable, isReplayable } from '../repository/capabilities.js';
import type { Change, Correction, CorrectionOptions } from '../repository/correction.js';
import { fromEventKey } from '../repository/event-key.js';
import type { CheckedSettings } from '../settings/check-settings.js';
import { verifiedByHand } from '../verification/verified-by-hand.js';
import { verifiedByInbox } from '../verification/verified-by-inbox.js';
import { type ReconcileReport, reconcile } from './reconcile.js';

/** Options of `correct()`. */
export interface CorrectOptions extends HandlerOption, Omit<CorrectionOptions, 'effect'> {
  /** Whether the `@OnStatus` methods of the new status run; `false` when not given. */
  readonly runEffects?: boolean;
}

/** Options of `reconcile()`. */
export interface ReconcileOptions extends HandlerOption {
  /** Payments without news or inquiry for so long, in whole milliseconds; 900,000 (15 minutes) when not given. */
  readonly olderThan?: number;
  /** At most so many payments; 100 when not given. */
  readonly limit?: number;
  /** These payments, whatever their status and age, instead of open ones. */
  readonly txnids?: readonly string[];
  /** So many calls at a time; 4 when not given. */
  readonly concurrency?: number;
  /** Ends the run early. */
  readonly signal?: AbortSignal;
  /** Told of each payment that this run asked about, beside the hook of the same name. */
  readonly inquired?: (event: InquiredEvent) => unknown;
}

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
    checkWhole('olderThan', olderThan, 0, 2 ** 40);
    checkWhole('limit', limit, 1, 2 ** 30);
    checkWhole('concurrency', concurrency, 1, 1_000);
    if (txnids !== undefined) checkTxnids(txnids);
    if (signal !== undefined && !(signal instanceof AbortSignal)) throw unset('signal', 'is no AbortSignal');
    const { inquiry, inquiryMilliseconds, limits } = checked;
    if (inquiry === undefined) throw unset('apiKey', 'is missing: reconcile() asks the gateway');
    const repository = this.#repository();
    if (!isReconcilable(repository)) throw new DragonpayError('not-supported', 'the repository cannot be reconciled');
    const handler = handlers.for('payment', options);
    // The instance and its method each have the handler's time; the move and the note of a failure the store's.
    const delivering = 2 * (limits.storeMilliseconds + limits.handlerMilliseconds);
    const either = signal === undefined ? { signal: closing, forget: () => {} } : firstSignal(closing, signal);
    try {
      return await reconcile(txnids === undefined ? { olderThan, limit } : { txnids }, {
        repository,
        inquiry,
        deliver: (callback) => this.#deliver(callback, repository, handler),
        lease: inquiryMilliseconds + delivering + leaseReserve,
        concurrency,
        signal: either.signal,
        inquired: (event) => {
          tell(storing.hooks.inquired, event);
          tell(options.inquired, event);
        },
      });
    } finally {
      either.forget();
    }
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
    const effect = runEffects ? this.#effectByHand(id, options, repository) : undefined;
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

  /** Reads the row within the transaction: what it says before may change while a callback has it. */
  #effectByHand(id: string, options: CorrectOptions, repository: CallbackRepository): StatusEffect {
    const { handlers, merchantId, storing } = this.#parts;
    const { kind = 'payment' } = options;
    const call = this.#callOf(handlers.for(kind, options), repository);
    const run: StatusEffect['run'] = async (update, trx) => {
      const row = await (kind === 'payment' ? repository.findPayment(id, { trx }) : repository.findPayout(id, { trx }));
      if (row === undefined) return;
      const { refno, status, amount, currency } = row;
      const callback = verifiedByHand({ kind, id, refno: refno ?? '', status, amount, currency }, options, merchantId);
      await call.effectOf(callback, storing.queue)?.(update, trx);
    };
    return { milliseconds: storing.limits.handlerMilliseconds, run };
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

function checkWhole(option: string, value: number, least: number, most: number): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw unset(option, `is no whole number of ${least} to ${most}`);
  }
}

function checkTxnids(txnids: readonly string[]): void {
  if (!Array.isArray(txnids)) throw unset('txnids', 'is no list');
  const wrong = txnids.findIndex((txnid) => !idShape.isValidSync(txnid));
  if (wrong >= 0) throw unset(`txnids[${wrong}]`, 'is no txnid');
}

function unset(subject: string, complaint: string): DragonpayError {
  return new DragonpayError('invalid-setting', `${subject} ${complaint}`, { subject });
}
