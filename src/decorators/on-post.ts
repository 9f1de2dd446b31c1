import { addMethod, type MethodDecoratorArguments } from './handler-metadata.js';
import type { CallbackMethod, HandlerMethodDecorator } from './on-get.js';

/**
 * Calls the method for every POST, also a repeated one, after the row is stored. Returning nothing answers
 * `result=OK` to a valid callback.
 *
 * @example
 * \@OnPost() settle(callback: Callback) { if (callback.valid) console.log(callback.update.outcome); }
 */
export function OnPost(): HandlerMethodDecorator<CallbackMethod> {
  return (...args: MethodDecoratorArguments) => addMethod({ role: 'post' }, ...args);
}
