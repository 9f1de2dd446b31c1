import { anySignal } from '../async/any-signal.js';
import { readBounded } from '../async/read-bounded.js';
import { type Environment, gatewayAddress } from '../protocol/gateway-addresses.js';

/** The part of `fetch` that is used here. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Calls a path of the gateway's collection API and resolves to its JSON. Rejects on anything but a 2xx. */
export type GatewayFetch = (path: string) => Promise<unknown>;

/** An answer of the gateway. */
export interface GatewayAnswer {
  readonly status: number;
  /** The `Retry-After` header, if present. */
  readonly retryAfter: string | undefined;
  /** The body. Empty unless the status is 2xx. */
  readonly text: string;
}

/** Calls a path of the gateway's collection API. Rejects where no complete answer came. */
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
    try {
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
    } finally {
      either.forget();
    }
  };
}

/** Makes a function that calls as {@link gatewayCall} does, and resolves to the JSON of a 2xx. */
export function gatewayFetch(access: GatewayAccess): GatewayFetch {
  const call = gatewayCall(access);
  return async (path) => {
    const { status, text } = await call(path);
    if (status < 200 || status > 299) throw new Error(`the gateway answered ${status}`);
    return JSON.parse(text);
  };
}

async function readText(body: Response['body']): Promise<string> {
  const { bytes, isWhole } = await readBounded(body, longestAnswer);
  if (!isWhole) throw new Error(`the gateway's answer is longer than ${longestAnswer} bytes`);
  return bytes.toString('utf8');
}
