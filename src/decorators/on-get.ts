import type { Callback } from '../model/callback.js';
import type { HandlerResult } from '../response/reply.js';
import { addMethod, type MethodDecoratorArguments } from './handler-metadata.js';

/** A method that handles a callback. */
export type CallbackMethod = (callback: Callback) => HandlerResult | Promise<HandlerResult>;

/**
 * A method decorator, legacy and standard, that only fits methods of the type `Expected`. The method's own type is
 * inferred: a property descriptor takes no wider one.
 */
export interface HandlerMethodDecorator<Expected> {
  <Method extends Expected>(target: object, key: string | symbol, descriptor: TypedPropertyDescriptor<Method>): void;
  <Method extends Expected>(method: Method, context: ClassMethodDecoratorContext): void;
}

/**
 * Calls the method for every GET, with the {@link Callback}: the payer's browser comes back, or a postback comes by
 * GET. What it returns is the reply.
 *
 * @example
 * \@OnGet() show(callback: Callback) { return callback.valid ? 'Thank you' : 'Please check your email'; }
 */
export function OnGet(): HandlerMethodDecorator<CallbackMethod> {
  return (...args: MethodDecoratorArguments) => addMethod({ role: 'get' }, ...args);
}
