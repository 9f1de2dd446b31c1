import { DragonpayError } from '../errors.js';

/**
 * The instance of a handler class, as its resolver returned it.
 * @throws DragonpayError `handler-failed` if it is not an object
 */
export function assertInstance(instance: unknown, className: string): object {
  if (typeof instance === 'object' && instance !== null) return instance;
  throw new DragonpayError('handler-failed', `the resolver returned no instance of ${className}`);
}
