import { DragonpayError } from '../errors.js';
import type { CallbackUpdate } from '../model/callback-update.js';
import { describeError } from './describe-error.js';
import type { Hooks } from './hooks.js';

/** In this time, each kind of event writes at most one line, in milliseconds. */
const minute = 60_000;

/** The line about proofs needs this many refused callbacks: fewer may be forgeries, such as those of the doctor. */
const severalCallbacks = 3;

/** In this time, the line about proofs that never held is written at most once, in milliseconds. */
const hour = 60 * minute;

/** Options of {@link defaultHooks}, for tests. */
export interface DefaultHooksOptions {
  readonly write?: (line: string) => void;
  /** Milliseconds on a clock that never goes back. */
  readonly now?: () => number;
}

/**
 * Makes the default hooks. They write to stderr, so that a lost payment is noticed.
 *
 * Callbacks that were refused, or that were not applied to a row, make one line a minute for each kind of event, so
 * that a flood of forgeries cannot fill a log. These lines hold no value of a callback.
 */
export function defaultHooks({
  write = (line) => console.error(line),
  now = () => performance.now(),
}: DefaultHooksOptions = {}): Hooks {
  const print = (text: string) => write(`dragonpay-callback: ${text}`);
  const printLimited = limited(print, now, minute);
  const printHourly = limited(print, now, hour);
  let neverVerifiedCount = 0;
  return {
    rejected: ({ method, code, status, message, neverVerified }) => {
      const isForProof = code === 'proof-mismatch' || code === 'proof-missing';
      if (isForProof && neverVerified && ++neverVerifiedCount >= severalCallbacks) printHourly('proof', allRefused);
      const what = method === 'GET' || method === 'POST' ? `a ${method}` : 'a request';
      printLimited(`rejected ${code}`, `refused ${what} with ${status} ${code}: ${message}`);
    },
    stored: ({ update, kind, id, status, error }) => {
      if (update.outcome === 'unstored')
        print(`${kind} ${id} ${status} was not stored: ${describeError(error).message}`);
      const problem = problemOf(update);
      if (problem !== undefined) printLimited(`${kind} ${problem}`, `a verified ${kind} callback ${problem}`);
    },
    inquired: ({ txnid, result, error }) => {
      if (result === 'failed') print(`inquiry of ${txnid} failed: ${describeError(error).message}`);
    },
    keepUpFailed: ({ error }) => printLimited('keepUp', `keepUp() failed: ${describeError(error).message}`),
    handlerFailed: ({ handler, error }) => {
      const { message, stack } = describeError(error);
      // An error of this package has no line of the handler in its stack, so the stack is left out.
      print(`${handler} failed: ${message}${DragonpayError.is(error) ? '' : stack}`);
    },
    replyFailed: ({ error }) => {
      const { message, stack } = describeError(error);
      print(`a reply was not written: ${message}${stack}`);
    },
    keysFailed: ({ problem }) => printLimited('keys', `the public keys were not renewed: ${problem}`),
  };
}

/** The facts that a merchant should look at, although the callback was answered with OK. */
function problemOf(update: CallbackUpdate): string | undefined {
  switch (update.outcome) {
    case 'not-found':
      return 'has no row: its id is unknown here, and the inbox keeps it';
    case 'mismatch':
      return `differs from its row in ${update.differs.join(', ')}: the row is unchanged, and the inbox keeps it for review`;
    case 'unrecognized':
      return 'has an unknown status letter: the row is unchanged, and the inbox keeps it';
    case 'applied':
      return update.late ? 'is a late payment: the row was closed before' : undefined;
    default:
      return undefined;
  }
}

const allRefused =
  'EVERY CALLBACK IS REFUSED for its proof, and none was ever verified: to find out why, run ' +
  '"npx dragonpay-callback verify --diagnose" with one of them. Until then, reconcile() moves the rows, if there is an API key';

/** Writes at most one line per period for each kind. The next line of a kind says how many were left out before it. */
function limited(
  print: (text: string) => void,
  now: () => number,
  milliseconds: number,
): (kind: string, text: string) => void {
  const kinds = new Map<string, { writtenAt: number; omitted: number }>();
  return (kind, text) => {
    const known = kinds.get(kind);
    if (known !== undefined && now() - known.writtenAt < milliseconds) {
      known.omitted++;
      return;
    }
    kinds.set(kind, { writtenAt: now(), omitted: 0 });
    print(known?.omitted ? `${text} (and ${known.omitted} more since the last line of this kind)` : text);
  };
}
