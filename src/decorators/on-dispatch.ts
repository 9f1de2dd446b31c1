import type { CallbackReply, CallbackRequest } from '../model/callback-request.js';
import { assertNothingGiven } from './assert-called.js';
import { addMethod, type MethodDecoratorArguments } from './handler-metadata.js';
import type { HandlerMethodDecorator } from './method-decorator.js';

/**
 * A method around the whole way of a request. `next` handles the request and resolves to the reply. Call it at most
 * once; it never rejects.
 */
export type DispatchMethod = (
  request: CallbackRequest,
  next: () => Promise<CallbackReply>,
) => CallbackReply | Promise<CallbackReply>;

/**
 * Wraps every request, including refused ones: to time it, to log it, or to replace its reply.
 *
 * @example
 * \@OnDispatch() async around(request: CallbackRequest, next: () => Promise<CallbackReply>) {
 *   const answer = await next();
 *   console.log(request.method, answer.status);
 *   return answer;
 * }
 */
export function OnDispatch(...given: []): HandlerMethodDecorator<DispatchMethod> {
  assertNothingGiven('OnDispatch', given);
  return (...args: MethodDecoratorArguments) => addMethod({ role: 'dispatch' }, ...args);
}
