/** A reply of the shop. */
export interface ShopReply {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** Creates a reply of any type. It is not cached. */
export function replyWith(type: string, body: string, status = 200, headers: Record<string, string> = {}): ShopReply {
  return {
    status,
    headers: {
      'Content-Type': `${type}; charset=utf-8`,
      'Content-Length': String(Buffer.byteLength(body)),
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      ...headers,
    },
    body,
  };
}

/** Creates a page. Its forms go to the shop, which may redirect them to the gateway. */
export function page(markup: string, gateway: string | undefined, status = 200): ShopReply {
  const policy = [
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "connect-src 'self'",
    'img-src data:',
    `form-action 'self' ${gateway ?? ''}`.trim(),
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  return replyWith('text/html', markup, status, { 'Content-Security-Policy': policy.join('; ') });
}

/** Creates a redirect that the browser follows with a GET. */
export function redirect(location: string): ShopReply {
  return replyWith('text/plain', '', 303, { Location: location });
}

/** Creates an indented JSON reply. */
export function json(value: unknown, status = 200): ShopReply {
  return replyWith('application/json', `${JSON.stringify(value, null, 2)}\n`, status);
}

/** Creates a JSON reply for an error. */
export function failure(status: number, code: string, message: string): ShopReply {
  return json({ code, message }, status);
}

/** Creates the reply for a wrong method. */
export function notAllowed(allow: string): ShopReply {
  const reply = failure(405, 'method-not-allowed', `the methods of this path are ${allow}`);
  return { ...reply, headers: { ...reply.headers, Allow: allow } };
}
