/** What the shop answers. */
export interface ShopReply {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** A reply of any type. Nothing of the shop is cached. */
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

/** A page. Its forms lead to the shop, which may send them on to where the payer pays. */
export function page(markup: string, gateway: string | undefined, status = 200): ShopReply {
  const policy = [
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "connect-src 'self'",
    `form-action 'self' ${gateway ?? ''}`.trim(),
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  return replyWith('text/html', markup, status, { 'Content-Security-Policy': policy.join('; ') });
}

/** The browser goes on with a GET. */
export function redirect(location: string): ShopReply {
  return replyWith('text/plain', '', 303, { Location: location });
}

/** JSON, indented to be read by people. */
export function json(value: unknown, status = 200): ShopReply {
  return replyWith('application/json', `${JSON.stringify(value, null, 2)}\n`, status);
}

/** An error as JSON. */
export function failure(status: number, code: string, message: string): ShopReply {
  return json({ code, message }, status);
}

export function notAllowed(allow: string): ShopReply {
  const reply = failure(405, 'method-not-allowed', `the methods here are ${allow}`);
  return { ...reply, headers: { ...reply.headers, Allow: allow } };
}
