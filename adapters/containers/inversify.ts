import { ContainerModule, type ServiceIdentifier } from 'inversify';
import {
  type CallbackRepository,
  createDragonpay,
  type Dragonpay,
  type DragonpaySettings,
  type Resolver,
} from '../../src/index.js';

/** The service identifiers: `rebind` the settings or the repository to swap them, `get` the receiver. */
export const DRAGONPAY = {
  /** {@link DragonpaySettings}, as the module was given them. */
  Settings: Symbol.for('dragonpay-callback.Settings') as ServiceIdentifier<DragonpaySettings>,
  /** {@link CallbackRepository}, or `undefined` where the settings have none. */
  Repository: Symbol.for('dragonpay-callback.Repository') as ServiceIdentifier<CallbackRepository | undefined>,
  /** {@link Dragonpay}: made once, when it is first asked for. Rebind what it is made of before that. */
  Dragonpay: Symbol.for('dragonpay-callback.Dragonpay') as ServiceIdentifier<Dragonpay>,
} as const;

const containerResolver: ServiceIdentifier<Resolver> = Symbol.for('dragonpay-callback.Resolver');

/**
 * Binds the receiver, so that handler classes come out of the container with their services. Bind each handler class
 * (`container.bind(CheckoutCallback).toSelf()`); it is asked for once a callback, so its scope is the container's:
 * a transient handler is new for each callback, and so is what is bound in request scope.
 *
 * The receiver is a singleton: it takes handlers from the container that first asked for it. A child container that
 * has handlers or services of its own loads a module of its own.
 *
 * A repository that is bound asynchronously makes the receiver asynchronous: `await container.getAsync(...)` then.
 *
 * @example
 * container.load(dragonpayModule(settings));
 * container.bind(CheckoutCallback).toSelf().inSingletonScope();
 * const dragonpay = container.get(DRAGONPAY.Dragonpay);
 * app.all('/dragonpay/callback', toExpressHandler(dragonpay.endpoint(CheckoutCallback)));
 */
export function dragonpayModule(settings: DragonpaySettings): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind(DRAGONPAY.Settings).toConstantValue(settings);
    bind(DRAGONPAY.Repository).toResolvedValue(({ repository }) => repository, [DRAGONPAY.Settings]);
    // The context outlives this call: it is the container's own, and each of its `getAsync` is a resolution of its own.
    bind(containerResolver).toDynamicValue((context) => ({
      get: (HandlerClass) => context.getAsync(HandlerClass),
    }));
    bind(DRAGONPAY.Dragonpay)
      .toResolvedValue(
        (settings, repository, resolver) =>
          createDragonpay({ ...settings, repository, resolver: settings.resolver ?? resolver }),
        [DRAGONPAY.Settings, DRAGONPAY.Repository, containerResolver],
      )
      .inSingletonScope();
  });
}
