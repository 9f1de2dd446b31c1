import { anySignal } from '../async/any-signal.js';
import { readBounded } from '../async/read-bounded.js';
import { DragonpayError } from '../errors.js';
import { type Environment, gatewayAddress } from '../protocol/gateway-addresses.js';

/** The part of `fetch` that is used here. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** An answer of the gateway. */
export interface GatewayAnswer {
  readonly status: number;
  /** The `Retry-After` header, if present. */
  readonly retryAfter: string | undefined;
  /** The body. Empty unless the status is 2xx. */
  readonly text: string;
}

/** Calls a path of the gateway's collection API. Rejects if no complete answer came. */
export type GatewayCall = (path: string, signal?: AbortSignal) => Promise<GatewayAnswer>;

/** The gateway's address and the merchant's credentials. */
export interface GatewayAccess {
  readonly environment: Environment;
  readonly merchantId: string;
  readonly apiKey: string;
  readonly fetch: Fetch;
  /** How long a call may take, in milliseconds. Default: 5,000. */
  readonly timeoutMilliseconds?: number;
}

const timeoutMilliseconds = 5_000;
const longestAnswer = 65_536;
const tooLong = `its answer is longer than ${longestAnswer} bytes`;

/**
 * Makes a function that calls the gateway with HTTP Basic authentication. It reads at most 64 KiB, and follows no
 * redirect, because that would send the credentials to another server.
 */
export function gatewayCall(access: GatewayAccess): GatewayCall {
  const base = `${gatewayAddress(access.environment)}/api/collect/v1`;
  const authorization = `Basic ${Buffer.from(`${access.merchantId}:${access.apiKey}`, 'utf8').toString('base64')}`;
  return async (path, signal) => {
    const timeout = AbortSignal.timeout(access.timeoutMilliseconds ?? timeoutMilliseconds);
    const either = signal === undefined ? { signal: timeout, forget: () => {} } : anySignal(signal, timeout);
    const answer = async (): Promise<GatewayAnswer> => {
      const response = await access.fetch(base + path, {
        headers: { authorization, accept: 'application/json' },
        redirect: 'manual',
        signal: either.signal,
      });
      const { status, ok } = response;
      if (!ok) await response.body?.cancel();
      return {
        status,
        retryAfter: response.headers.get('retry-after') ?? undefined,
        text: ok ? await readText(response.body) : '',
      };
    };
    try {
      // The `fetch` of the settings may ignore the signal. Callbacks that wait for keys must not wait forever.
      return await Promise.race([answer(), rejectsWith(either.signal)]);
    } finally {
      either.forget();
    }
  };
}

function rejectsWith(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/**
 * Makes a function that calls as {@link gatewayCall} does, and resolves to the text of a 2xx. It rejects with a
 * DragonpayError: `gateway-unavailable` if the gateway was not reached or is out of order, `gateway-refused` if it
 * refused the call.
 */
export function gatewayText(access: GatewayAccess): (path: string) => Promise<string> {
  const call = gatewayCall(access);
  return async (path) => {
    let answer: GatewayAnswer;
    try {
      answer = await call(path);
    } catch (cause) {
      throw new DragonpayError('gateway-unavailable', `the gateway was not reached${reasonOf(cause)}`, { cause });
    }
    const { status, text } = answer;
    if (status >= 200 && status <= 299) return text;
    if (status === 401 || status === 403) {
      throw new DragonpayError('gateway-refused', `the gateway refused the merchant id or the API key (${status})`);
    }
    const code = status === 429 || status >= 500 ? 'gateway-unavailable' : 'gateway-refused';
    throw new DragonpayError(code, `the gateway answered ${status}`);
  };
}

/** Why a connection failed: the code of the system, such as ` (ECONNREFUSED)`, or a time-out. */
function reasonOf(error: unknown): string {
  try {
    const { name, message, cause } = (error ?? {}) as { name?: unknown; message?: unknown; cause?: { code?: unknown } };
    if (name === 'TimeoutError') return ' in time';
    if (message === tooLong) return `: ${tooLong}`;
    const code = cause?.code;
    return typeof code === 'string' && /^\w+$/.test(code) ? ` (${code})` : '';
  } catch {
    // The `fetch` of the settings may throw a value that throws when it is read.
    return '';
  }
}

async function readText(body: Response['body']): Promise<string> {
  const { bytes, isWhole } = await readBounded(body, longestAnswer);
  if (!isWhole) throw new Error(tooLong);
  // Unlike toString(), this leaves a byte order mark out.
  return new TextDecoder().decode(bytes);
}
