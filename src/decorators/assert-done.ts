import { DragonpayError } from '../errors.js';

type Kind = readonly [title: string, methods: readonly string[]];

/** Results of a method that has not done its work, each with the methods by which it is recognized. */
const undone: readonly Kind[] = [
  ['a query without execute()', ['toOperationNode', 'execute']],
  ['a generator, which nobody runs', ['next', 'return', 'throw']],
  ['an Observable, to which nobody subscribes', ['subscribe', 'pipe']],
];

/**
 * Checks the result of a method whose work must be done when it has returned. Other results are ignored.
 * @throws DragonpayError `handler-failed` if the work did not begin, or if nobody awaits it
 */
export function assertDone(result: unknown): void {
  if (typeof result !== 'object' || result === null) return;
  if (Array.isArray(result) && result.some((one) => has(one, 'then'))) {
    // The promises may reject later, and nothing else handles this.
    void Promise.allSettled(result);
    throw notDone('a list of promises');
  }
  const found = undone.find(([, methods]) => methods.every((method) => has(result, method)));
  if (found !== undefined) throw notDone(found[0]);
}

function has(value: unknown, method: string): boolean {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, method) === 'function';
}

function notDone(what: string): DragonpayError {
  return new DragonpayError('handler-failed', `the method returned ${what}: an await is missing in it`);
}
