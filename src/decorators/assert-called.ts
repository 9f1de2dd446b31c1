import { DragonpayError } from '../errors.js';

/**
 * Checks that a decorator which has no options was given none.
 * @throws DragonpayError `invalid-handler-class`
 */
export function assertNothingGiven(name: string, given: readonly unknown[]): void {
  assertCalled(name, given);
  if (given.length === 0) return;
  const message = `${name}() takes no arguments: it is for every request. For one status, use OnStatus`;
  throw new DragonpayError('invalid-handler-class', message, { subject: name });
}

/**
 * Checks that a decorator was called before it decorates. `@OnPost` instead of `@OnPost()` passes the class or its
 * prototype as the first argument, and would otherwise decorate nothing, without an error.
 * @throws DragonpayError `invalid-handler-class`
 */
export function assertCalled(name: string, given: readonly unknown[]): void {
  const [first] = given;
  if (typeof first === 'function' || (typeof first === 'object' && given.length > 1)) {
    const message = `${name} must be called before it decorates: write @${name}(), or ${name}() without decorator syntax`;
    throw new DragonpayError('invalid-handler-class', message, { subject: name });
  }
}
