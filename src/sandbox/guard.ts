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
export function refusal({ method = '', headers }: IncomingMessage, ownHost: string): string | undefined {
  const host = headers.host ?? '';
  if (!isOwnName(hostnameOf(host), ownHost)) return 'the Host of this request is not this sandbox';
  if (method === 'GET' || method === 'HEAD') return undefined;
  const { origin } = headers;
  if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`) {
    return 'this request comes from a page of another site';
  }
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return 'this request comes from a page of another site';
  }
  return undefined;
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
