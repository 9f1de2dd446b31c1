import type { ReplyCode } from '../errors.js';
import { tell } from './tell.js';

/** A callback that was refused. Holds its proofs: a reader could send the callback again. */
export interface RefusedCallback {
  /** When it was refused: a date of ISO 8601. */
  readonly at: string;
  readonly method: 'GET' | 'POST';
  /** The first rule that failed. */
  readonly code: ReplyCode;
  /** The query or the body as received. `diagnoseCallback` and the command `verify` read it. */
  readonly form: string;
}

/** How many of the last refused callbacks this process keeps, or a function that keeps them elsewhere. */
export type KeepRefused = number | ((refused: RefusedCallback) => unknown);

/** The maximum number of calls of the function in a minute: a flood of forgeries must not fill a disk. */
const mostInMinute = 60;

/** Keeps refused callbacks where the setting `keepRefused` says. They are in no log and in no inbox. */
export class RefusedCallbacks {
  readonly #keep: KeepRefused;
  readonly #last: RefusedCallback[] = [];
  #minute = { since: Number.NEGATIVE_INFINITY, calls: 0 };

  constructor(keep: KeepRefused = 0) {
    this.#keep = keep;
  }

  /** The callbacks that this process keeps, the oldest first. */
  get last(): readonly RefusedCallback[] {
    return [...this.#last];
  }

  /** @param form makes the form, which is only needed if it is kept */
  add(method: RefusedCallback['method'], code: ReplyCode, form: () => string): void {
    if (typeof this.#keep === 'function') {
      if (this.#mayCall()) tell(this.#keep, { at: new Date().toISOString(), method, code, form: form() });
    } else if (this.#keep > 0) {
      if (this.#last.length >= this.#keep) this.#last.shift();
      this.#last.push({ at: new Date().toISOString(), method, code, form: form() });
    }
  }

  #mayCall(): boolean {
    const now = performance.now();
    if (now - this.#minute.since >= 60_000) this.#minute = { since: now, calls: 0 };
    return ++this.#minute.calls <= mostInMinute;
  }
}
