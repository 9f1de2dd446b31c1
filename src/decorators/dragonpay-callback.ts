import { checkNames } from '../protocol/nearest-name.js';
import { assertCalled } from './assert-called.js';
import { type HandlerClass, setClassOptions } from './handler-metadata.js';

/** Options of `@DragonpayCallback`. */
export interface DragonpayCallbackOptions {
  /**
   * Whether a GET moves the row too. Default: `false`. Set it if postbacks come by GET, or if no postback URL is
   * registered.
   */
  readonly updateOnGet?: boolean;
  /**
   * Whether methods are called for forged and malformed callbacks, with `valid: false`. Default: `true`. Such a callback
   * is never stored. With `false`, it is answered 400, an unknown id is answered 404, and no method is called.
   */
  readonly allowInvalidData?: boolean;
}

/** A class decorator, legacy and standard. */
export type HandlerClassDecorator = (target: HandlerClass, context?: ClassDecoratorContext) => void;

/**
 * Makes a class a handler of Dragonpay callbacks. Subclasses inherit it.
 *
 * @example
 * \@DragonpayCallback({ updateOnGet: true })
 * class CheckoutCallback {
 *   \@OnPost() async settle(callback: Callback) {}
 * }
 */
export function DragonpayCallback(options?: DragonpayCallbackOptions): HandlerClassDecorator;
export function DragonpayCallback(updateOnGet: boolean, allowInvalidData?: boolean): HandlerClassDecorator;
export function DragonpayCallback(
  first: DragonpayCallbackOptions | boolean = {},
  second?: boolean,
): HandlerClassDecorator {
  assertCalled('DragonpayCallback', [first]);
  const given = typeof first === 'boolean' ? { updateOnGet: first, allowInvalidData: second } : first;
  checkNames(given, { updateOnGet: true, allowInvalidData: true });
  const options = { updateOnGet: given.updateOnGet ?? false, allowInvalidData: given.allowInvalidData ?? true };
  return (target, context) => setClassOptions(options, target, context);
}
