/** Bounds the search, because an error of a handler may be its own cause. */
const deepestCause = 10;

/** Whether a test holds for an error, or for one of its causes. Never throws. */
export function hasCause(error: unknown, test: (error: Error) => boolean): boolean {
  try {
    for (let depth = 0, inner = error; depth < deepestCause && inner instanceof Error; depth++, inner = inner.cause) {
      if (test(inner)) return true;
    }
  } catch {
    // A handler may throw a proxy, which may throw again.
  }
  return false;
}
