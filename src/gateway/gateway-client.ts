import { anySignal } from '../async/any-signal.js';
import { type Environment, gatewayAddress } from '../protocol/gateway-addresses.js';

/** `fetch`, as far as it is used here. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Calls a path of the gateway's collection API and resolves to its JSON. Rejects on anything but a 2xx. */
export type GatewayFetch = (path: string) => Promise<unknown>;

/** An answer of the gateway: a 2xx with its text, or another status without. */
export interface GatewayAnswer {
  readonly status: number;
  /** The header of this name, where the gateway asks for patience. */
  readonly retryAfter: string | undefined;
  /** Empty unless the status is 2xx. */
  readonly text: string;
}

/** Calls a path of the gateway's collection API. Rejects where there was no whole answer. */
export type GatewayCall = (path: string, signal?: AbortSignal) => Promise<GatewayAnswer>;

/** Where the gateway is, and who asks. */
export interface GatewayAccess {
  readonly environment: Environment;
  readonly merchantId: string;
  readonly apiKey: string;
  readonly fetch: Fetch;
  /** How long a call may take, in milliseconds; 5,000 when not given. */
  readonly timeoutMilliseconds?: number;
}

const timeoutMilliseconds = 5_000;
const longestAnswer = 65_536;

/**
 * Makes calls with HTTP Basic authentication that follow no redirect (it would carry the credentials elsewhere), take
 * at most 5 seconds and read at most 64 KiB.
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
        text: ok ? await readBounded(response) : '',
      };
    } finally {
      either.forget();
    }
  };
}

/** Calls as {@link gatewayCall} does, and takes nothing but JSON. */
export function gatewayFetch(access: GatewayAccess): GatewayFetch {
  const call = gatewayCall(access);
  return async (path) => {
    const { status, text } = await call(path);
    if (status < 200 || status > 299) throw new Error(`the gateway answered ${status}`);
    return JSON.parse(text);
  };
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > longestAnswer) throw new Error('the answer of the gateway is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
