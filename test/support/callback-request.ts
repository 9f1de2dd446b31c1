import type { BodyRead, CallbackRequest } from '../../src/model/callback-request.js';

/** The parts of a handmade request. The defaults are those of a well-behaved sender. */
export interface RequestParts {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: BodyRead;
  readonly remoteAddress?: string;
}

const formHeaders: Readonly<Record<string, string>> = { 'content-type': 'application/x-www-form-urlencoded' };

/** A request without a server. Records the limits with which its body was read. */
export function makeRequest(parts: RequestParts): CallbackRequest & { readonly limitsAsked: number[] } {
  const { method = 'POST', target = '/dragonpay/callback', headers = formHeaders, body, remoteAddress } = parts;
  const limitsAsked: number[] = [];
  return {
    method,
    target,
    header: (name) => headers[name],
    body: (limit) => {
      limitsAsked.push(limit);
      return body ?? { kind: 'bytes', bytes: new Uint8Array() };
    },
    remoteAddress,
    native: undefined,
    limitsAsked,
  };
}

/** A POST of a form that is given as one character a byte. */
export function postForm(form: string, parts: RequestParts = {}) {
  return makeRequest({ body: { kind: 'bytes', bytes: Buffer.from(form, 'latin1') }, ...parts });
}

/** A GET of a query that is given as one character a byte. */
export function getQuery(query: string, parts: RequestParts = {}) {
  return makeRequest({ method: 'GET', target: `/dragonpay/callback?${query}`, headers: {}, ...parts });
}
