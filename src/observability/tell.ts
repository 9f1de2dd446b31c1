import { isPromise } from 'node:util/types';

/** Calls a hook. A hook that throws or rejects changes nothing: a logger that fails must not lose a callback. */
export function tell<Event>(hook: ((event: Event) => unknown) | undefined, event: Event): void {
  if (hook === undefined) return;
  try {
    const told = hook(event);
    // `instanceof Promise` is false for a promise of another realm, such as the realm of a test runner.
    if (isPromise(told)) Promise.prototype.then.call(told, undefined, () => {});
  } catch {
    // Ignored: a failing hook must not lose a callback.
  }
}

/** Escapes text so that it cannot forge a log line: printable ASCII, at most 200 characters of the original. */
export function escapeForLog(text: string): string {
  const shortened = text.length > 200 ? `${text.slice(0, 200)}...` : text;
  return shortened.replace(/[^\u0020-\u007e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
