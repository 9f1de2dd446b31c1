/** Dragonpay's addresses. Source: the merchant API of the test and the production gateway. */
const gateways = {
  test: 'https://test.dragonpay.ph',
  production: 'https://gw.dragonpay.ph',
} as const;

/** The test gateway, the production gateway, or one at an address of one's own (a sandbox, a proxy). */
export type Environment = 'test' | 'production' | { readonly gateway: string };

/** `fetch`, as far as it is used here. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Calls a path of the gateway's collection API and resolves to its JSON. Rejects on anything but a 2xx. */
export type GatewayFetch = (path: string) => Promise<unknown>;

const timeoutMilliseconds = 5_000;
const longestAnswer = 65_536;

/** The address of a gateway, without a trailing slash. */
export function gatewayAddress(environment: Environment): string {
  const address = typeof environment === 'string' ? gateways[environment] : environment.gateway;
  return address.replace(/\/+$/, '');
}

/** Whether an address may be called with credentials: https, or http on the loopback interface. */
export function isSafeGateway(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, hostname, username, password } = new URL(address);
  if (username !== '' || password !== '') return false;
  if (protocol === 'https:') return true;
  return protocol === 'http:' && /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}

/**
 * Makes calls with HTTP Basic authentication that follow no redirect (it would carry the credentials elsewhere), take
 * at most 5 seconds and read at most 64 KiB.
 */
export function gatewayFetch(options: {
  environment: Environment;
  merchantId: string;
  apiKey: string;
  fetch: Fetch;
}): GatewayFetch {
  const base = `${gatewayAddress(options.environment)}/api/collect/v1`;
  const authorization = `Basic ${Buffer.from(`${options.merchantId}:${options.apiKey}`, 'utf8').toString('base64')}`;
  return async (path) => {
    const response = await options.fetch(base + path, {
      headers: { authorization, accept: 'application/json' },
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMilliseconds),
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`the gateway answered ${response.status}`);
    }
    return JSON.parse(await readBounded(response));
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
