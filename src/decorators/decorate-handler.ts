import { DragonpayCallback, type DragonpayCallbackOptions } from './dragonpay-callback.js';
import type { HandlerClass, MethodDecoratorArguments } from './handler-metadata.js';
import type { HandlerMethodDecorator } from './method-decorator.js';

/** Decorators by the names of an instance's methods. A decorator must accept the type of its method. */
export type MethodDecorators<Instance, Decorators> = {
  readonly [Name in keyof Decorators]: Name extends keyof Instance
    ? Decorators[Name] extends HandlerMethodDecorator<infer Expected>
      ? Instance[Name] extends Expected
        ? Decorators[Name]
        : never
      : never
    : never;
};

/**
 * Decorates a class without decorator syntax: for plain JavaScript, and for Node's own type stripping, which does not
 * transform decorators. It does the same as `@DragonpayCallback(options)` on the class and a decorator on each method.
 *
 * @example
 * class CheckoutCallback {
 *   ship({ data }) { console.log(`Ship the order ${data.txnid}`); }
 * }
 * decorateHandler(CheckoutCallback, { ship: OnStatus('S') });
 */
export function decorateHandler<Instance extends object, Decorators extends object>(
  Class: HandlerClass<Instance>,
  methods: Decorators & MethodDecorators<Instance, Decorators>,
  options: DragonpayCallbackOptions = {},
): void {
  const decorators = methods as Readonly<Record<string, (...args: MethodDecoratorArguments) => void>>;
  for (const [name, decorate] of Object.entries(decorators)) {
    decorate(Class.prototype, name, { value: Reflect.get(Class.prototype, name) });
  }
  DragonpayCallback(options)(Class);
}
