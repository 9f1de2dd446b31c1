import { DragonpayError } from '../src/index.js';

/**
 * Refuses a value without these methods when a program starts, not at its first callback.
 * @param problem completes the sentence that `subject` begins
 * @throws DragonpayError `invalid-setting`
 */
export function assertMethods(value: unknown, methods: readonly string[], subject: string, problem: string): void {
  if (methods.every((name) => typeof Reflect.get(Object(value), name) === 'function')) return;
  throw new DragonpayError('invalid-setting', `${subject} ${problem}`, { subject });
}

/** @throws DragonpayError `invalid-setting` for a class or a receiver in place of its endpoint */
export function assertEndpoint(endpoint: unknown): void {
  assertMethods(endpoint, ['dispatch'], 'endpoint', 'must be made by dragonpay.endpoint(YourClass)');
}

/** @throws DragonpayError `invalid-setting` for a class or an endpoint in place of a worker */
export function assertWorker(worker: unknown): void {
  assertMethods(worker, ['run'], 'worker', 'must be made by dragonpay.work(YourClass)');
}

/** @throws DragonpayError `invalid-setting` for a value that is not an object, and for an unknown name */
export function assertNames(options: unknown, ...names: readonly string[]): void {
  if (typeof options === 'object' && options !== null && Object.keys(options).every((name) => names.includes(name))) {
    return;
  }
  const message = `options must be an object and may only contain ${names.join(', ')}`;
  throw new DragonpayError('invalid-setting', message, { subject: 'options' });
}
