import { ContainerModule, type ServiceIdentifier } from 'inversify';
import { createDragonpay, type Dragonpay } from '../create-dragonpay.js';
import type { CallbackRepository } from '../repository/callback-repository.js';
import type { DragonpaySettings } from '../settings.js';

/** The service identifiers: `rebind` the settings or the repository to swap them, `get` the receiver. */
export const DRAGONPAY = {
  /** {@link DragonpaySettings}, as the module was given them. */
  Settings: Symbol.for('dragonpay-callback.Settings') as ServiceIdentifier<DragonpaySettings>,
  /** {@link CallbackRepository}, or `undefined` where the settings have none. */
  Repository: Symbol.for('dragonpay-callback.Repository') as ServiceIdentifier<CallbackRepository | undefined>,
  /** {@link Dragonpay}: made once, when it is first asked for. Rebind what it is made of before that. */
  Dragonpay: Symbol.for('dragonpay-callback.Dragonpay') as ServiceIdentifier<Dragonpay>,
} as const;

/**
 * Binds the receiver, so that handler classes come out of the container with their services. Bind each handler class
 * (`container.bind(CheckoutCallback).toSelf()`); it is asked for once a callback, so its scope is the container's.
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
    bind(DRAGONPAY.Repository).toDynamicValue((context) => context.get(DRAGONPAY.Settings).repository);
    bind(DRAGONPAY.Dragonpay)
      .toDynamicValue((context) =>
        createDragonpay({
          resolver: { get: (HandlerClass) => context.getAsync(HandlerClass) },
          ...context.get(DRAGONPAY.Settings),
          repository: context.get(DRAGONPAY.Repository),
        }),
      )
      .inSingletonScope();
  });
}
