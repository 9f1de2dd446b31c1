import type { CallbackEndpoint } from './callback-request.js';
import { checkSettings, holdsAddress } from './check-settings.js';
import type { HandlerClass } from './decorators/handler-metadata.js';
import { type HandlerTable, handlerTableOf } from './decorators/handler-table.js';
import { CallbackDispatcher } from './dispatcher.js';
import { DragonpayError } from './errors.js';
import { HandlerCall, HandlerError } from './handler-call.js';
import { defaultHooks, tell } from './hooks.js';
import { InFlight } from './in-flight.js';
import type { CallbackKind } from './preprocessing/transaction-status.js';
import { type QueueWorker, queueWorker } from './queue/queue-worker.js';
import { type ReconcileReport, reconcile } from './reconcile/reconcile.js';
import type { CallbackRepository, StatusEffect } from './repository/callback-repository.js';
import type { CallbackUpdate } from './repository/callback-update.js';
import { type Change, type Correction, type CorrectionOptions, isCorrectable } from './repository/correction.js';
import { isReconcilable } from './repository/reconcilable-repository.js';
import { fromEventKey, isReplayable } from './repository/replayable-repository.js';
import { failed } from './response/default-answers.js';
import type { DragonpaySettings } from './settings.js';
import { type StoreParts, storeCallback } from './store-callback.js';
import { verifiedByHand } from './verification/from-correction.js';
import { verifiedByInbox } from './verification/from-inbox.js';
import type { VerifiedCallback } from './verification/verified-callback.js';

/** Options of one endpoint. */
export interface EndpointOptions {
  /** The kinds of callbacks that this URL takes: all that the settings accept, when not given. */
  readonly kinds?: readonly CallbackKind[];
}

/** What {@link createDragonpay} makes. */
export interface Dragonpay {
  /**
   * Makes the endpoint that serves a handler class: hand it to an adapter.
   * @throws DragonpayError `invalid-handler-class` where the class cannot serve, with what to change.
   */
  endpoint(Class: HandlerClass, options?: EndpointOptions): CallbackEndpoint;

  /**
   * Asks the gateway about open payments, or about given ones (whatever their status), and puts the answers through
   * the same machine and `@OnStatus` methods as callbacks, with `origin: 'inquiry'`. Any number of processes may do so
   * at once: no payment is asked about by two of them. Run it by a timer; a run ends by itself.
   *
   * Rejects with `invalid-setting` or `not-supported` where it cannot begin, and where the repository fails.
   *
   * @example
   * const report = await dragonpay.reconcile({ olderThan: 15 * 60_000, limit: 500 });
   */
  reconcile(options?: ReconcileOptions): Promise<ReconcileReport>;

  /**
   * Puts an event of the inbox through the machine and the `@OnStatus` methods again, as a new delivery with
   * `origin: 'replay'`: once what was wrong is mended. What was applied stays applied.
   * @param key the `key` of an event that `repository.callbacks()` answered with, such as `payment:T-1:ABCD1234:S`
   * @throws DragonpayError `no-such-event`, `not-supported`, `unstored`; or what the method threw, after rolling back
   */
  replay(key: string, options?: HandlerOption): Promise<CallbackUpdate>;

  /**
   * Changes a row by hand, as `repository.correct()` does, and with `runEffects` also runs what `@OnStatus` says of the
   * new status, in the same transaction: jobs are enqueued anew.
   * @throws DragonpayError `invalid-details`, `not-found`, `not-supported`; or what the method threw
   */
  correct(id: string, change: Change, options: CorrectOptions): Promise<Correction>;

  /**
   * Makes the worker of the queues that a class has methods for (`@OnStatus(..., { queue })`). Hand it to the adapter
   * of the queue.
   * @throws DragonpayError `invalid-handler-class`
   */
  work(Class: HandlerClass): QueueWorker;

  /**
   * Takes no more callbacks (503, to be sent again) and waits for those under way, with their statements and key
   * fetches. Call it before the database's pool is ended. Resolves to whether all of them were done in time.
   * @param options.milliseconds how long to wait at most; 15,000 when not given
   */
  close(options?: { readonly milliseconds?: number }): Promise<boolean>;
}

/** Which class handles what did not come to an endpoint. */
export interface HandlerOption {
  /** May be left out where all endpoints that take the kind have the same class. */
  readonly handler?: HandlerClass;
}

/** Options of `correct()`. */
export interface CorrectOptions extends HandlerOption, Omit<CorrectionOptions, 'effect'> {
  /** Whether the `@OnStatus` methods of the new status run; `false` when not given. */
  readonly runEffects?: boolean;
}

/** Options of `reconcile()`. */
export interface ReconcileOptions extends HandlerOption {
  /** Payments without news or inquiry for so long, in milliseconds; 900,000 (15 minutes) when not given. */
  readonly olderThan?: number;
  /** At most so many payments; 100 when not given. */
  readonly limit?: number;
  /** These payments, whatever their status and age, instead of open ones. */
  readonly txnids?: readonly string[];
  /** So many calls at a time; 4 when not given. */
  readonly concurrency?: number;
  /** Ends the run early. */
  readonly signal?: AbortSignal;
}

const allKinds: readonly CallbackKind[] = ['payment', 'payout'];

/**
 * Makes the receiver of a merchant's callbacks.
 * @throws DragonpayError `invalid-setting`, which names the setting that is missing or malformed, never its value.
 *
 * @example
 * const dragonpay = createDragonpay({
 *   merchantId: 'ACME',
 *   environment: 'test',
 *   apiKey: process.env.DRAGONPAY_API_KEY,
 *   verification: { rsa: {} },
 *   repository: new KyselyRepository(db),
 * });
 * app.all('/dragonpay/callback', toExpressHandler(dragonpay.endpoint(CheckoutCallback)));
 */
export function createDragonpay(settings: DragonpaySettings): Dragonpay {
  const { policy, limits, allowFrom, publicKeys, wire, inquiry, inquiryMilliseconds } = checkSettings(settings);
  const { merchantId, repository, saveData = true, resolver, clientAddress, queue, confirm } = settings;
  const hooks = { ...defaultHooks, ...settings.hooks };
  const inFlight = new InFlight();
  const closing = new AbortController();
  const storing: StoreParts = { limits, hooks, inFlight, queue, confirm, inquiry };
  const handlers = new Map<HandlerClass, Handler & { readonly kinds: ReadonlySet<CallbackKind> }>();

  function endpoint(Class: HandlerClass, options: EndpointOptions = {}): CallbackEndpoint {
    const handler = handlerOf(Class);
    const kinds = acceptedKinds(options.kinds ?? allKinds);
    handlers.set(Class, { ...handler, kinds: new Set([...kinds, ...(handlers.get(Class)?.kinds ?? [])]) });
    const dispatcher = new CallbackDispatcher({
      ...storing,
      ...handler,
      kinds,
      policy,
      repository,
      saveData,
      mayPost: (request) =>
        allowFrom === undefined ||
        holdsAddress(allowFrom, clientAddress === undefined ? request.remoteAddress : clientAddress(request)),
      limits,
    });
    return {
      dispatch: (request) =>
        closing.signal.aborted ? Promise.resolve(failed('closing')) : inFlight.follow(dispatcher.dispatch(request)),
    };
  }

  function acceptedKinds(kinds: readonly CallbackKind[]): ReadonlySet<CallbackKind> {
    const accepted = kinds.filter((kind) => allKinds.includes(kind) && policy.accepted[kind].length > 0);
    if (accepted.length === 0) {
      const subject = 'kinds';
      throw new DragonpayError('invalid-setting', 'kinds names no kind that the settings accept', { subject });
    }
    return new Set(accepted);
  }

  function handlerOf(Class: HandlerClass): Handler {
    const table = handlerTableOf(Class);
    if (table.queued.length > 0 && queue === undefined) {
      const message = `queue is missing: ${table.className} has methods for queues`;
      throw new DragonpayError('invalid-setting', message, { subject: 'queue' });
    }
    return { table, resolve: resolver === undefined ? onlyInstance(Class) : () => resolver.get(Class) };
  }

  /** The class whose effects belong to news that came to no endpoint. Nobody is to guess it: effects run once. */
  function handlerFor(kind: CallbackKind, { handler: Class }: HandlerOption): Handler {
    if (Class !== undefined) return handlers.get(Class) ?? handlerOf(Class);
    const [only, ...others] = [...handlers.values()].filter(({ kinds }) => kinds.has(kind));
    if (only !== undefined && others.length === 0) return only;
    const message = `handler is missing: ${only === undefined ? 'no endpoint takes' : 'several classes take'} ${kind}s`;
    throw new DragonpayError('invalid-setting', message, { subject: 'handler' });
  }

  /** Stores what did not come by a request. Rejects where nothing was stored. */
  async function deliver(callback: VerifiedCallback, handler: Handler): Promise<CallbackUpdate> {
    const into = repository as CallbackRepository;
    const call = new HandlerCall(handler.table, handler.resolve, limits.handlerMilliseconds, undefined, into);
    try {
      await call.prepare();
      const { update, error } = await storeCallback(callback, call, into, storing);
      if (update.outcome === 'unstored') throw error;
      return update;
    } catch (error) {
      throw error instanceof HandlerError ? error.cause : error;
    }
  }

  async function runReconcile(options: ReconcileOptions = {}): Promise<ReconcileReport> {
    const { olderThan = 900_000, limit = 100, txnids, concurrency = 4, signal } = options;
    for (const [subject, value, least] of [
      ['olderThan', olderThan, 0],
      ['limit', limit, 1],
      ['concurrency', concurrency, 1],
    ] as const) {
      if (!Number.isFinite(value) || value < least) throw missing(subject, `${subject} is less than ${least}`);
    }
    if (inquiry === undefined) throw missing('apiKey', 'apiKey is missing: reconcile() asks the gateway');
    if (repository === undefined || !saveData)
      throw missing('repository', 'repository is missing, or not to be stored in');
    if (!isReconcilable(repository)) throw new DragonpayError('not-supported', 'the repository cannot be reconciled');
    const handler = handlerFor('payment', options);
    const stop = signal === undefined ? closing.signal : AbortSignal.any([closing.signal, signal]);
    return reconcile(txnids === undefined ? { olderThan, limit } : { txnids }, {
      repository,
      inquiry,
      deliver: (callback) => deliver(callback, handler),
      lease: inquiryMilliseconds + 2 * limits.storeMilliseconds + limits.handlerMilliseconds + leaseReserve,
      concurrency,
      signal: stop,
      inquired: (event) => tell(hooks.inquired, event),
    });
  }

  async function replay(key: string, options: HandlerOption = {}): Promise<CallbackUpdate> {
    const name = fromEventKey(key);
    if (repository === undefined || !saveData)
      throw missing('repository', 'repository is missing, or not to be stored in');
    if (!isReplayable(repository))
      throw new DragonpayError('not-supported', 'the repository keeps no events to replay');
    const handler = handlerFor(name.kind, options);
    const event = await repository.findEvent(name);
    if (event === undefined) throw new DragonpayError('no-such-event', 'the inbox holds no event with this key');
    return deliver(verifiedByInbox(event, wire, merchantId), handler);
  }

  async function correct(id: string, change: Change, options: CorrectOptions): Promise<Correction> {
    const { handler: _handler, runEffects = false, ...rest } = options;
    if (repository === undefined) throw missing('repository', 'repository is missing');
    if (!isCorrectable(repository)) throw new DragonpayError('not-supported', 'the repository cannot be corrected');
    const effect = runEffects ? await effectByHand(id, change, options) : undefined;
    try {
      return await repository.correct(id, change, { ...rest, ...(effect && { effect }) });
    } catch (error) {
      throw error instanceof HandlerError ? error.cause : error;
    }
  }

  async function effectByHand(id: string, change: Change, options: CorrectOptions): Promise<StatusEffect | undefined> {
    const { kind = 'payment' } = options;
    const { table, resolve } = handlerFor(kind, options);
    const row = await (kind === 'payment' ? repository?.findTransaction(id) : repository?.findPayout(id));
    if (row === undefined) return undefined;
    const { status = row.status, refno = row.refno ?? '', amount = row.amount, currency = row.currency } = change;
    const callback = verifiedByHand({ kind, id, refno, status, amount, currency }, options, merchantId);
    const call = new HandlerCall(table, resolve, limits.handlerMilliseconds, undefined, repository);
    const run = call.effectOf(callback, queue);
    return run && { milliseconds: limits.handlerMilliseconds, run };
  }

  return {
    endpoint,
    correct: (id, change, options) => inFlight.follow(correct(id, change, options)),
    reconcile: (options) => inFlight.follow(runReconcile(options)),
    replay: (key, options) => inFlight.follow(replay(key, options)),
    work(Class) {
      const { table, resolve } = handlerOf(Class);
      const worker = queueWorker(table, resolve, repository);
      return {
        ...worker,
        // The queue tries again, in a process that stays.
        run: async (...args) => {
          closing.signal.throwIfAborted();
          return inFlight.follow(worker.run(...args));
        },
      };
    },
    async close({ milliseconds = 15_000 } = {}) {
      closing.abort(new DragonpayError('closing', 'close() was called'));
      if (publicKeys !== undefined) inFlight.follow(publicKeys.settled());
      return inFlight.drained(milliseconds);
    },
  };
}

interface Handler {
  readonly table: HandlerTable;
  readonly resolve: () => object | Promise<object>;
}

/** What a lease has over the bounds of its inquiry, in milliseconds: for timers that are late. */
const leaseReserve = 1_000;

function missing(subject: string, message: string): DragonpayError {
  return new DragonpayError('invalid-setting', message, { subject });
}

/** One instance for all callbacks, made at once: a constructor that throws is no surprise at the first callback. */
function onlyInstance(Class: HandlerClass): () => object {
  try {
    const instance = new (Class as new () => object)();
    return () => instance;
  } catch (cause) {
    const message = `${Class.name} cannot be constructed without a resolver`;
    throw new DragonpayError('invalid-handler-class', message, { subject: Class.name, cause });
  }
}
