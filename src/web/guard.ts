import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/**
 * Why a request is refused before anything is done with it; `undefined` for one that may pass. The sandbox runs on
 * developers' machines, where any page of the web may send requests to it.
 *
 * A name in `Host` that is not the sandbox's own was resolved to this machine by somebody else (DNS rebinding): their
 * page could read the answers. What changes something must not come from another site's page: browsers say which.
 * @param ownHost the name or address that the sandbox was told to listen on
 */
export function refusal({ method = '', url = '', headers }: IncomingMessage, ownHost: string): string | undefined {
  const host = headers.host ?? '';
  if (!isOwnName(hostnameOf(host), ownHost)) return 'the Host of this request is not this sandbox';
  const { origin } = headers;
  const site = headers['sec-fetch-site'] ?? 'none';
  const isOwnPage = (site === 'same-origin' || site === 'none') && (origin ?? ownOrigin(host)) === ownOrigin(host);
  if (isOwnPage) return undefined;
  // A shop leads to the payment page by a link, and some calls of the API change something by GET.
  const isRead = method === 'GET' || method === 'HEAD';
  const isLink = isRead && headers['sec-fetch-mode'] === 'navigate' && !url.startsWith('/api/');
  return isLink ? undefined : 'this request comes from a page of another site';
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

/** Addresses are nobody's name: they cannot be rebound. */
function isOwnName(hostname: string, ownHost: string): boolean {
  return hostname === 'localhost' || isIP(hostname) !== 0 || hostname === ownHost.toLowerCase();
}
