import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/**
 * The reason to refuse a request; `undefined` if there is none. A demo on a developer's machine gets requests from any
 * web page that the developer opens. A foreign name in `Host` means DNS rebinding, and a page of another site must not
 * send forms to the shop. Payers may come from other sites by a link. Dragonpay's callbacks are not checked here: they
 * have proofs.
 * @param ownName the name or address of the shop
 */
export function refusalOf(method: string, headers: IncomingHttpHeaders, ownName: string): string | undefined {
  const host = (headers.host ?? '').toLowerCase();
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  if (name !== 'localhost' && isIP(name) === 0 && name !== ownName.toLowerCase()) {
    return 'the Host header does not name this shop';
  }
  const { origin = `http://${host}` } = headers;
  const site = headers['sec-fetch-site'] ?? 'none';
  if (origin === `http://${host}` && (site === 'same-origin' || site === 'none')) return undefined;
  const isLink = (method === 'GET' || method === 'HEAD') && headers['sec-fetch-mode'] === 'navigate';
  return isLink ? undefined : 'the request comes from a page of another site';
}
