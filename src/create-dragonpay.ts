import { InFlight } from './async/in-flight.js';
import type { HandlerClass } from './decorators/handler-metadata.js';
import { handlerTableOf } from './decorators/handler-table.js';
import { CallbackDispatcher } from './dispatcher.js';
import { DragonpayError, invalidSetting, whileReading } from './errors.js';
import { CallbackStore } from './handling/callback-store.js';
import { type HandlerOption, HandlerRegistry } from './handling/handler-registry.js';
import { type AdaptableEndpoint, withRepository } from './handling/with-repository.js';
import { type QueueWorker, queueWorker } from './jobs/job-worker.js';
import type { CallbackEndpoint, CallbackRequest } from './model/callback-request.js';
import type { CallbackUpdate } from './model/callback-update.js';
import { type RefusedCallback, RefusedCallbacks } from './observability/refused-callbacks.js';
import { tell } from './observability/tell.js';
import { confirmation } from './operations/confirm-callback.js';
import { type CorrectOptions, correct } from './operations/correct.js';
import { checkedInterval, type KeepUpOptions, keepUp } from './operations/keep-up.js';
import { type ReconcileOptions, type ReconcileReport, reconcile } from './operations/reconcile.js';
import { replay } from './operations/replay.js';
import { requireStore } from './operations/store-without-request.js';
import { type CallbackKind, callbackKinds } from './protocol/kinds.js';
import { checkNames } from './protocol/nearest-name.js';
import { FieldReader } from './reading/field-reader.js';
import type { CallbackRepository } from './repository/callback-repository.js';
import type { Change, Correction } from './repository/correction.js';
import { failureReply } from './response/default-replies.js';
import { refusalOf } from './settings/allow-list.js';
import { resolveSettings } from './settings/resolve-settings.js';
import type { DragonpaySettings } from './settings/settings.js';
import type { PublicKeysStatus } from './verification/public-keys.js';

/** Options of one endpoint. */
export interface EndpointOptions {
  /** The kinds of callbacks that this URL accepts. Default: all that the settings accept. */
  readonly kinds?: readonly CallbackKind[];
}

/** The state of a receiver, as `dragonpay.status()` returns it. */
export interface DragonpayStatus {
  /** Whether `close()` was called: new callbacks are answered with 503. */
  readonly closing: boolean;
  /**
   * The number of operations that `close()` waits for: requests, statements, runs of `reconcile()`, jobs and fetches of
   * keys.
   */
  readonly inFlight: number;
  /** How many verified callbacks wait to be stored: for the database, for their row, or for a copy of themselves. */
  readonly waiting: number;
  /** When this process last verified a callback. `undefined` if it has verified none. */
  readonly lastVerifiedAt: Date | undefined;
  /** The public keys. `undefined` without `verification.rsa`. */
  readonly publicKeys: PublicKeysStatus | undefined;
}

/** The receiver of a merchant's callbacks, made by {@link createDragonpay}. */
export interface Dragonpay {
  /**
   * Makes the endpoint of a handler class. Pass it to an adapter.
   * @throws DragonpayError `invalid-handler-class` if the class cannot serve, with what to change; `invalid-setting`
   */
  endpoint(Class: HandlerClass, options?: EndpointOptions): CallbackEndpoint;

  /**
   * Applies the callbacks that came before their row, if the row exists now. Then, with an API key, asks the gateway
   * about open payments, or about the payments in `txnids`, whatever their status. The answers go through the same
   * status machine and `@OnStatus` methods as callbacks, with `origin: 'inquiry'`. Any number of processes may call it
   * at the same time: only one of them asks about each payment. Call it from a timer; a run ends by itself.
   *
   * Rejects with `invalid-setting` or `not-supported` if it cannot begin, and with the error of a repository that
   * fails.
   *
   * @example
   * const report = await dragonpay.reconcile({ olderThan: 15 * 60_000, limit: 500 });
   */
  reconcile(options?: ReconcileOptions): Promise<ReconcileReport>;

  /**
   * Does in the background what `reconcile()` does, again and again until `close()`: callbacks that came before their
   * row are applied within `everyMilliseconds` after the row was made. Any number of processes may do it at the same
   * time. It does not keep the process alive. A failed run is reported to the hook `keepUpFailed`.
   * @throws DragonpayError `invalid-setting`, `invalid-handler-class`
   */
  keepUp(options?: KeepUpOptions): void;

  /**
   * Puts an event of the inbox through the status machine and the `@OnStatus` methods again, as a new delivery with
   * `origin: 'replay'`. Use it after the cause of a failure is fixed. An applied event is not applied again.
   * @param key the `key` of an event from `repository.callbacks()`, such as `payment:T-1:ABCD1234:S:…`. The last part
   *   tells apart events that differ in a covered value. A key without this part names the oldest of these events
   * @throws DragonpayError `no-such-event`, `not-supported`, `unstored`; or the method's error, after rolling back
   */
  replay(key: string, options?: HandlerOption): Promise<CallbackUpdate>;

  /**
   * Changes a row by hand, like `repository.correct()`. With `runEffects`, it also runs the `@OnStatus` methods of the
   * new status in the same transaction, and enqueues their jobs again.
   * @throws DragonpayError `invalid-details`, `not-found`, `not-supported`, `unstored`; or the method's error
   */
  correct(id: string, change: Change, options: CorrectOptions): Promise<Correction>;

  /**
   * The last callbacks that were refused, the oldest first, with their proofs: for `diagnoseCallback` and the command
   * `verify`, not for a log. Empty unless the setting `keepRefused` is a number.
   */
  refused(): readonly RefusedCallback[];

  /**
   * The state of this process, for probes and dashboards. Costs nothing: it asks neither the database nor the gateway.
   */
  status(): DragonpayStatus;

  /**
   * Makes the worker for the queues of a class (`@OnStatus(..., { queue })`). Pass it to the adapter of the queue.
   * @throws DragonpayError `invalid-handler-class`, `invalid-setting`
   */
  work(Class: HandlerClass): QueueWorker;

  /**
   * Stops the receiver. New callbacks, and callbacks whose bodies are still arriving, are answered with 503, so that
   * they are sent again. Waits for all other work, including statements and key fetches. Resolves to whether this work
   * ended in time.
   *
   * Call it before you end the database pool. On SIGTERM, this package does nothing by itself.
   * @param options.milliseconds the longest wait. Default: 15,000
   */
  close(options?: { readonly milliseconds?: number }): Promise<boolean>;
}

/**
 * Makes the receiver of a merchant's callbacks.
 * @throws DragonpayError `invalid-setting`, which names the missing or malformed setting, never its value
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
  const resolved = resolveSettings(settings);
  const { policy, limits, allowFrom, publicKeys, inquiry, inquiryMilliseconds, wire, hooks } = resolved;
  const { merchantId, repository, saveData = true, clientAddress, queue, confirm = 'never' } = settings;
  const inFlight = new InFlight();
  const closing = new AbortController();
  const reader = new FieldReader(limits);
  const handlers = new HandlerRegistry(settings);
  const refused = new RefusedCallbacks(settings.keepRefused);
  const verified = new Map<CallbackKind, number>();
  const storing = { count: 0 };
  const store = storeIn(repository);

  function storeIn(repository: CallbackRepository | undefined): CallbackStore | undefined {
    if (repository === undefined || !saveData) return undefined;
    const confirming = confirmation(confirm, inquiry);
    return new CallbackStore({ repository, limits, hooks, inFlight, queue, confirmation: confirming, storing });
  }

  function refusalOfSender(request: CallbackRequest): string | undefined {
    if (allowFrom === undefined) return undefined;
    return refusalOf(allowFrom, clientAddress === undefined ? request.remoteAddress : clientAddress(request));
  }

  function endpoint(Class: HandlerClass, options: EndpointOptions = {}): CallbackEndpoint {
    checkNames(options, { kinds: true });
    const kinds = whileReading('kinds', () => acceptedKinds(options.kinds ?? callbackKinds));
    const handler = handlers.register(Class, kinds);
    return endpointOver(repository, store);

    function endpointOver(repository: CallbackRepository | undefined, store: CallbackStore | undefined) {
      const told = { hooks, refused, verified };
      const parts = { handler, kinds, reader, policy, limits, ...told, refusalOfSender, repository, store };
      const dispatcher = new CallbackDispatcher(parts);
      const made: AdaptableEndpoint = {
        dispatch: (request) =>
          closing.signal.aborted
            ? Promise.resolve(failureReply('closing'))
            : inFlight.follow(dispatcher.dispatch(request)),
        replyFailed: (error) => tell(hooks.replyFailed, { error }),
        [withRepository](adapt) {
          const adapted = repository && adapt(repository);
          return endpointOver(adapted, storeIn(adapted));
        },
      };
      return made;
    }
  }

  function acceptedKinds(kinds: readonly CallbackKind[]): ReadonlySet<CallbackKind> {
    if (!Array.isArray(kinds) || !kinds.every((kind) => callbackKinds.includes(kind))) {
      throw invalidSetting('kinds', 'must be a list of "payment" and "payout"');
    }
    const accepted = (kinds as readonly CallbackKind[]).filter((kind) => policy.accepted[kind].length > 0);
    if (accepted.length === 0) throw invalidSetting('kinds', 'must name a kind that the settings accept');
    return new Set(accepted);
  }

  function runReconcile(options: ReconcileOptions): Promise<ReconcileReport> {
    const context = { handlers, store: requireStore(store), inquiry, inquiryMilliseconds, hooks, wire, merchantId };
    return inFlight.follow(reconcile(options, { ...context, closing: closing.signal }));
  }

  return {
    endpoint,
    async reconcile(options = {}) {
      return runReconcile(options);
    },
    keepUp(options = {}) {
      checkNames(options, { everyMilliseconds: true, handler: true });
      const everyMilliseconds = checkedInterval(options);
      const { everyMilliseconds: _, ...handler } = options;
      if (handler.handler !== undefined) handlerTableOf(handler.handler);
      requireStore(store);
      void keepUp({ everyMilliseconds }, async () => runReconcile(handler), hooks, closing.signal);
    },
    async replay(key, options = {}) {
      checkNames(options, { handler: true });
      return inFlight.follow(replay(key, options, handlers, requireStore(store), { wire, merchantId }));
    },
    async correct(id, change, options) {
      return inFlight.follow(correct(id, change, options, handlers, requireStore(store), merchantId));
    },
    refused: () => refused.last,
    status: () => ({
      closing: closing.signal.aborted,
      inFlight: inFlight.count,
      waiting: storing.count,
      lastVerifiedAt: verified.size === 0 ? undefined : new Date(Math.max(...verified.values())),
      publicKeys: publicKeys?.status(),
    }),
    work(Class) {
      const { queues, run } = queueWorker(handlers.create(Class), repository);
      return {
        queues,
        // After close(), the job is left to the queue, which tries again in another process.
        run: async (...args) => {
          closing.signal.throwIfAborted();
          return inFlight.follow(run(...args));
        },
      };
    },
    async close(options = {}) {
      checkNames(options, { milliseconds: true });
      const { milliseconds = 15_000 } = options;
      if (!(typeof milliseconds === 'number' && milliseconds >= 0)) {
        throw invalidSetting('milliseconds', 'must be a number that is not negative');
      }
      closing.abort(new DragonpayError('closing', 'close() was called'));
      reader.close();
      if (publicKeys !== undefined) inFlight.follow(publicKeys.settled());
      return inFlight.drained(milliseconds);
    },
  };
}
