import type { Callback } from '../model/callback.js';
import type { HandlerResult } from '../response/reply.js';

/** A method that handles a callback. */
export type CallbackMethod = (callback: Callback) => HandlerResult | Promise<HandlerResult>;

/**
 * A method decorator, legacy and standard, that accepts only methods of the type `Expected`. The method's own type is
 * inferred, because a property descriptor does not accept a wider one.
 */
export interface HandlerMethodDecorator<Expected> {
  <Method extends Expected>(target: object, key: string | symbol, descriptor: TypedPropertyDescriptor<Method>): void;
  <Method extends Expected>(method: Method, context: ClassMethodDecoratorContext): void;
}
