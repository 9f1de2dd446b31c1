import type { Callback } from '../model/callback.js';
import type { HandlerResult } from '../response/reply.js';

/** A method that handles a callback. */
export type CallbackMethod = (callback: Callback) => HandlerResult | Promise<HandlerResult>;

/**
 * A method decorator, legacy and standard, that accepts only methods of the type `Expected`. A standard decorator gets
 * the method itself, a legacy decorator gets it in the descriptor. Both have one signature here: with two, the error of
 * the compiler would not name the types that differ.
 */
export type HandlerMethodDecorator<Expected> = <Target extends object>(
  target: Target extends AnyFunction ? Expected & Target : Target,
  key: Target extends AnyFunction ? ClassMethodDecoratorContext : string | symbol,
  descriptor?: { readonly value?: Expected | undefined },
) => void;

type AnyFunction = (...args: never) => unknown;
