import { assertNothingGiven } from './assert-called.js';
import { addMethod, type MethodDecoratorArguments } from './handler-metadata.js';
import type { CallbackMethod, HandlerMethodDecorator } from './method-decorator.js';

/**
 * Calls the method for every GET, with the {@link Callback}: when the payer's browser comes back, or for a postback by
 * GET. The method's result is the reply.
 *
 * @example
 * \@OnGet() show(callback: Callback) { return callback.valid ? 'Thank you' : 'Please check your email'; }
 */
export function OnGet(...given: []): HandlerMethodDecorator<CallbackMethod> {
  assertNothingGiven('OnGet', given);
  return (...args: MethodDecoratorArguments) => addMethod({ role: 'get' }, ...args);
}
