import type { CallbackReply, CallbackRequest } from '../model/callback-request.js';
import { addMethod, type MethodDecoratorArguments } from './handler-metadata.js';
import type { HandlerMethodDecorator } from './on-get.js';

/** A method around the whole way of a request. `next` goes it, once, and resolves to the reply; it never rejects. */
export type DispatchMethod = (
  request: CallbackRequest,
  next: () => Promise<CallbackReply>,
) => CallbackReply | Promise<CallbackReply>;

/**
 * Wraps the way of every request, also of refused ones: to time it, to log it, to replace its reply.
 *
 * @example
 * \@OnDispatch() async around(request: CallbackRequest, next: () => Promise<CallbackReply>) {
 *   const answer = await next();
 *   console.log(request.method, answer.status);
 *   return answer;
 * }
 */
export function OnDispatch(): HandlerMethodDecorator<DispatchMethod> {
  return (...args: MethodDecoratorArguments) => addMethod({ role: 'dispatch' }, ...args);
}
