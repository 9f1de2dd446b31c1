import { ContainerModule, type ServiceIdentifier } from 'inversify';
import {
  type CallbackRepository,
  createDragonpay,
  type Dragonpay,
  DragonpayError,
  type DragonpaySettings,
  type Resolver,
} from '../../src/index.js';

/** The service identifiers. Use `rebind` to replace the settings or the repository, and `get` for the receiver. */
export const DRAGONPAY = {
  /** The {@link DragonpaySettings} of the module. */
  Settings: Symbol.for('dragonpay-callback.Settings') as ServiceIdentifier<DragonpaySettings>,
  /** The {@link CallbackRepository} of the settings, or `undefined`. */
  Repository: Symbol.for('dragonpay-callback.Repository') as ServiceIdentifier<CallbackRepository | undefined>,
  /** The {@link Dragonpay}. Made once, on the first `get`: rebind the settings and the repository before. */
  Dragonpay: Symbol.for('dragonpay-callback.Dragonpay') as ServiceIdentifier<Dragonpay>,
} as const;

const containerResolver: ServiceIdentifier<Resolver> = Symbol.for('dragonpay-callback.Resolver');

const nothingIsMade = Symbol.for('dragonpay-callback.NothingIsMade');
const allIsBound = new Error('all services are bound');

/**
 * Binds the receiver, so that the container constructs handler classes with their services. Bind each handler class:
 * `container.bind(CheckoutCallback).toSelf()`. The receiver gets it once for each callback. A transient handler is
 * therefore new for each callback, and so are services in request scope.
 *
 * The receiver is a singleton. It gets handlers from the container that first asked for the receiver. A child container
 * with its own handlers or services must load its own module.
 *
 * `endpoint()` checks that the handler class and its services are bound, so bind them before.
 *
 * If the repository is bound asynchronously, get the receiver with `await container.getAsync(...)`.
 *
 * @throws DragonpayError `invalid-setting` from `container.load()` of Inversify 6
 *
 * @example
 * container.load(dragonpayModule(settings));
 * container.bind(CheckoutCallback).toSelf().inSingletonScope();
 * const dragonpay = container.get(DRAGONPAY.Dragonpay);
 * app.all('/dragonpay/callback', toExpressHandler(dragonpay.endpoint(CheckoutCallback)));
 */
export function dragonpayModule(settings: DragonpaySettings): ContainerModule {
  if (typeof settings !== 'object' || settings === null) {
    throw new DragonpayError('invalid-setting', 'settings must be an object', { subject: 'settings' });
  }
  return new ContainerModule((options) => {
    // Inversify 6 passes the function that binds.
    if (typeof options === 'function') {
      throw new DragonpayError('invalid-setting', 'dragonpayModule needs Inversify 7 or later', {
        subject: 'inversify',
      });
    }
    const { bind } = options;
    bind(nothingIsMade).toDynamicValue(() => {
      throw allIsBound;
    });
    bind(DRAGONPAY.Settings).toConstantValue(settings);
    bind(DRAGONPAY.Repository).toResolvedValue(({ repository }) => repository, [DRAGONPAY.Settings]);
    // The context belongs to the container and outlives this call. Each `getAsync` is a separate resolution.
    bind(containerResolver).toDynamicValue((context) => ({
      get: (HandlerClass) => context.getAsync(HandlerClass),
      check(HandlerClass) {
        // Checks the bindings and makes no instance. The probe needs a service that throws, and then the class.
        // Inversify looks for all bindings before it makes anything, so a missing binding is its first error.
        // Otherwise, the service that throws ends the check before an instance is made.
        const probe: ServiceIdentifier<undefined> = Symbol(`dragonpay-callback.Probe ${HandlerClass.name}`);
        const needed: [ServiceIdentifier, ServiceIdentifier] = [nothingIsMade, HandlerClass];
        bind(probe).toResolvedValue((..._made: unknown[]) => undefined, needed);
        try {
          context.get(probe);
        } catch (error) {
          if (error !== allIsBound) throw error;
        }
      },
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
