import { assertNothingGiven } from './assert-called.js';
import { addMethod, type MethodDecoratorArguments } from './handler-metadata.js';
import type { CallbackMethod, HandlerMethodDecorator } from './method-decorator.js';

/**
 * Calls the method for every POST, repeated ones included, after the row is stored. If it returns nothing, a valid
 * callback is answered `result=OK`.
 *
 * @example
 * \@OnPost() settle(callback: Callback) { if (callback.valid) console.log(callback.update.outcome); }
 */
export function OnPost(...given: []): HandlerMethodDecorator<CallbackMethod> {
  assertNothingGiven('OnPost', given);
  return (...args: MethodDecoratorArguments) => addMethod({ role: 'post' }, ...args);
}
