import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/**
 * The reason to refuse a request before it is processed; `undefined` if there is none. A server on a developer's
 * machine gets requests from any web page that the developer opens.
 *
 * A foreign name in `Host` means DNS rebinding: another site's name was resolved to this machine, and its page could read
 * the answers. A request that changes something must not come from a page of another site, which browsers report in
 * `Origin` and `Sec-Fetch-Site`.
 * @param ownHost the name or address that the server listens on
 */
export function refusal({ method = '', url = '', headers }: IncomingMessage, ownHost: string): string | undefined {
  const host = headers.host ?? '';
  if (!isOwnName(hostnameOf(host), ownHost)) return 'the Host header does not name this server';
  const { origin } = headers;
  const site = headers['sec-fetch-site'] ?? 'none';
  const isOwnPage = (site === 'same-origin' || site === 'none') && (origin ?? ownOrigin(host)) === ownOrigin(host);
  if (isOwnPage) return undefined;
  // Links are allowed, because shops link to the payment page. Calls of the API are not: some change data by GET.
  const isRead = method === 'GET' || method === 'HEAD';
  const isLink = isRead && headers['sec-fetch-mode'] === 'navigate' && !url.startsWith('/api/');
  return isLink ? undefined : 'the request comes from a page of another site';
}

function ownOrigin(host: string): string {
  return `http://${host.toLowerCase()}`;
}

function hostnameOf(host: string): string {
  return host
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
}

/** Addresses need no name resolution, so they are safe from DNS rebinding. */
function isOwnName(hostname: string, ownHost: string): boolean {
  return hostname === 'localhost' || isIP(hostname) !== 0 || hostname === ownHost.toLowerCase();
}
