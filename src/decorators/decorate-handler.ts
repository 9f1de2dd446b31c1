import { DragonpayError } from '../errors.js';
import { assertClass } from './assert-class.js';
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
 * @throws DragonpayError `invalid-handler-class` for an instance, and for a name that no method has
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
  const decorateClass = DragonpayCallback(options);
  assertClass(Class);
  if (typeof methods !== 'object' || methods === null) {
    fail(`decorateHandler() must be given the decorators of ${Class.name}: { method: OnStatus('S') }`);
  }
  const decorators: [string, unknown][] = Object.entries(methods);
  for (const [name, decorate] of decorators) {
    const descriptor = descriptorOf(Class.prototype, name);
    if (descriptor === undefined) fail(`${Class.name} has no method ${name}: decorateHandler() must name its methods`);
    if (typeof decorate !== 'function') fail(`${name} must have a decorator, such as OnStatus('S')`);
    decorate(...([Class.prototype, name, descriptor] satisfies MethodDecoratorArguments));
  }
  decorateClass(Class);
}

/**
 * Finds the descriptor of a method, which may be inherited. A getter is not called, because it may need an instance.
 */
function descriptorOf(prototype: object | null, name: string): PropertyDescriptor | undefined {
  if (prototype === null) return undefined;
  return Object.getOwnPropertyDescriptor(prototype, name) ?? descriptorOf(Object.getPrototypeOf(prototype), name);
}

function fail(message: string): never {
  throw new DragonpayError('invalid-handler-class', message, { subject: 'decorateHandler' });
}
