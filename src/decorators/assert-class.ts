import { DragonpayError } from '../errors.js';
import type { HandlerClass } from './handler-metadata.js';

/** @throws DragonpayError `invalid-handler-class` for an instance, an arrow function or nothing in place of a class */
export function assertClass(given: unknown): asserts given is HandlerClass {
  if (typeof given === 'function' && typeof given.prototype === 'object') return;
  const instead = typeof given === 'object' && given !== null ? ', not an instance: pass the class itself' : '';
  throw new DragonpayError('invalid-handler-class', `a handler must be a class${instead}`);
}
