import { wait } from '../async/wait.js';
import { invalidSetting } from '../errors.js';
import type { HandlerOption } from '../handling/handler-registry.js';
import type { Hooks } from '../observability/hooks.js';
import { tell } from '../observability/tell.js';

/** Options of `keepUp()`. */
export interface KeepUpOptions extends HandlerOption {
  /** The time between two runs, in milliseconds, 100 to 86,400,000. Default: 5,000. */
  readonly everyMilliseconds?: number;
}

/**
 * Runs work again and again, one run at a time, until the signal aborts. Each pause is up to a quarter shorter or
 * longer, so that several processes do not run at the same moments. A failed run is reported to a hook, and the next
 * run follows.
 */
export async function keepUp(
  { everyMilliseconds }: { readonly everyMilliseconds: number },
  run: () => Promise<unknown>,
  hooks: Hooks,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await wait(everyMilliseconds * (0.75 + Math.random() / 2), signal, { keepsProcess: false }).catch(() => {});
    if (signal.aborted) return;
    await run().catch((error: unknown) => {
      if (!signal.aborted) tell(hooks.keepUpFailed, { error });
    });
  }
}

/** @throws DragonpayError `invalid-setting` */
export function checkedInterval({ everyMilliseconds = 5_000 }: KeepUpOptions): number {
  const isInterval = Number.isInteger(everyMilliseconds) && everyMilliseconds >= 100 && everyMilliseconds <= 86_400_000;
  if (!isInterval) throw invalidSetting('everyMilliseconds', 'must be an integer from 100 to 86,400,000');
  return everyMilliseconds;
}
