import type { CallbackEndpoint } from './callback-request.js';
import { checkSettings, holdsAddress } from './check-settings.js';
import type { HandlerClass } from './decorators/handler-metadata.js';
import { handlerTableOf } from './decorators/handler-table.js';
import { CallbackDispatcher } from './dispatcher.js';
import { DragonpayError } from './errors.js';
import { defaultHooks } from './hooks.js';
import { InFlight } from './in-flight.js';
import type { CallbackKind } from './preprocessing/transaction-status.js';
import { failed } from './response/default-answers.js';
import type { DragonpaySettings } from './settings.js';

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
  const { policy, limits, allowFrom, publicKeys } = checkSettings(settings);
  const { repository, saveData = true, resolver, clientAddress } = settings;
  const hooks = { ...defaultHooks, ...settings.hooks };
  const inFlight = new InFlight();
  let closing = false;

  function endpoint(Class: HandlerClass, options: EndpointOptions = {}): CallbackEndpoint {
    const table = handlerTableOf(Class);
    const dispatcher = new CallbackDispatcher({
      table,
      resolve: resolver === undefined ? onlyInstance(Class) : () => resolver.get(Class),
      kinds: acceptedKinds(options.kinds ?? allKinds),
      policy,
      repository,
      saveData,
      mayPost: (request) =>
        allowFrom === undefined ||
        holdsAddress(allowFrom, clientAddress === undefined ? request.remoteAddress : clientAddress(request)),
      limits,
      hooks,
      inFlight,
    });
    return {
      dispatch: (request) =>
        closing ? Promise.resolve(failed('closing')) : inFlight.follow(dispatcher.dispatch(request)),
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
    async close({ milliseconds = 15_000 } = {}) {
      closing = true;
      if (publicKeys !== undefined) inFlight.follow(publicKeys.settled());
      return inFlight.drained(milliseconds);
    },
  };
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
