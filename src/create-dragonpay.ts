import { InFlight } from './async/in-flight.js';
import type { HandlerClass } from './decorators/handler-metadata.js';
import { CallbackDispatcher } from './dispatcher.js';
import { DragonpayError } from './errors.js';
import { type HandlerOption, Handlers } from './handling/handler-registry.js';
import type { StoreParts } from './handling/store-callback.js';
import { type QueueWorker, queueWorker } from './jobs/job-worker.js';
import type { CallbackEndpoint } from './model/callback-request.js';
import type { CallbackUpdate } from './model/callback-update.js';
import { defaultHooks } from './observability/hooks.js';
import type { ReconcileReport } from './operations/reconcile.js';
import { type CorrectOptions, type ReconcileOptions, WithoutRequest } from './operations/without-request.js';
import type { CallbackKind } from './protocol/kinds.js';
import type { Change, Correction } from './repository/correction.js';
import { failed } from './response/default-replies.js';
import { checkSettings, holdsAddress } from './settings/check-settings.js';
import type { DragonpaySettings } from './settings/settings.js';

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
   * @throws DragonpayError `invalid-details`, `not-found`, `not-supported`, `unstored`; or what the method threw
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
  const checked = checkSettings(settings);
  const { policy, limits, allowFrom, publicKeys, inquiry } = checked;
  const { merchantId, repository, saveData = true, clientAddress, queue, confirm } = settings;
  const inFlight = new InFlight();
  const closing = new AbortController();
  const storing: StoreParts = {
    limits,
    hooks: { ...defaultHooks, ...settings.hooks },
    inFlight,
    queue,
    confirm,
    inquiry,
  };
  const handlers = new Handlers(settings);
  const parts = { merchantId, checked, storing, repository, saveData, handlers, closing: closing.signal };
  const withoutRequest = new WithoutRequest(parts);

  function endpoint(Class: HandlerClass, options: EndpointOptions = {}): CallbackEndpoint {
    const kinds = acceptedKinds(options.kinds ?? allKinds);
    const dispatcher = new CallbackDispatcher({
      ...storing,
      ...handlers.serve(Class, kinds),
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

  return {
    endpoint,
    reconcile: (options) => inFlight.follow(withoutRequest.reconcile(options)),
    replay: (key, options) => inFlight.follow(withoutRequest.replay(key, options)),
    correct: (id, change, options) => inFlight.follow(withoutRequest.correct(id, change, options)),
    work(Class) {
      const { table, resolve } = handlers.of(Class);
      const { queues, run } = queueWorker(table, resolve, repository);
      return {
        queues,
        // The queue tries again, in a process that stays.
        run: async (...args) => {
          closing.signal.throwIfAborted();
          return inFlight.follow(run(...args));
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
