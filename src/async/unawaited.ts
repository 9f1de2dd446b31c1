type Forgive = (error: unknown, onUnhandled: () => void) => void;

/**
 * The key under which all copies of this module share one listener. With two listeners, each would leave the decision
 * to the other.
 */
const shared = Symbol.for('dragonpay-callback.forgive');
const scope = globalThis as typeof globalThis & { [shared]?: Forgive };

/**
 * Keeps an error from ending the process if a promise is rejected with it, or with an error that it caused, and nobody
 * handles the rejection. The event `unhandledRejection` is used because a promise does not tell whether it is awaited,
 * and a method may derive other promises from it. The listener is added with the first error. Other rejections have the
 * same effect as without the listener, and listeners of the application hear every rejection.
 */
export const forgive: Forgive = scope[shared] ?? makeForgive();
scope[shared] = forgive;

function makeForgive(): Forgive {
  const forgivable = new WeakMap<object, () => void>();
  const onRejection = (reason: unknown) => {
    const onUnhandled = findCause(reason, forgivable);
    if (onUnhandled !== undefined) return onUnhandled();
    if (process.listenerCount('unhandledRejection') > 1) return;
    // Without a listener, Node's default applies.
    process.off('unhandledRejection', onRejection);
    setImmediate(listen);
    void Promise.reject(reason);
  };
  const listen = () => {
    // Some hosts provide only a part of `process`.
    if (typeof globalThis.process?.listeners !== 'function') return;
    if (hasOtherMode() || process.listeners('unhandledRejection').includes(onRejection)) return;
    process.on('unhandledRejection', onRejection);
  };
  return (error, onUnhandled) => {
    if (typeof error !== 'object' || error === null) return;
    forgivable.set(error, onUnhandled);
    listen();
  };
}

/** Whether Node was started with `--unhandled-rejections`. This option then decides, and not a listener. */
function hasOtherMode(): boolean {
  return /--unhandled[-_]rejections/.test([process.env?.NODE_OPTIONS, ...(process.execArgv ?? [])].join(' '));
}

const mostCauses = 8;

/** The value stored for an error, or for the nearest of its causes. Reading a property of a thrown value may throw. */
function findCause<Value>(reason: unknown, kept: WeakMap<object, Value>): Value | undefined {
  try {
    let error = reason;
    for (let count = 0; count <= mostCauses && typeof error === 'object' && error !== null; count++) {
      const found = kept.get(error);
      if (found !== undefined) return found;
      error = (error as Error).cause;
    }
  } catch {
    // A value that throws when it is read has no entry.
  }
  return undefined;
}
