/** What the shop answers. */
export interface ShopReply {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** A reply of any type. Nothing of the shop is cached, framed, or runs scripts. */
export function replyWith(type: string, body: string, status = 200, headers: Record<string, string> = {}): ShopReply {
  return {
    status,
    headers: {
      'Content-Type': `${type}; charset=utf-8`,
      'Content-Length': String(Buffer.byteLength(body)),
      'Cache-Control': 'no-store',
      'Content-Security-Policy': "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'",
      'X-Content-Type-Options': 'nosniff',
      ...headers,
    },
    body,
  };
}

/** JSON, indented to be read by people. */
export function json(value: unknown, status = 200): ShopReply {
  return replyWith('application/json', `${JSON.stringify(value, null, 2)}\n`, status);
}

/** An error as JSON. */
export function failure(status: number, code: string, message: string): ShopReply {
  return json({ code, message }, status);
}

export function notFound(): ShopReply {
  return failure(404, 'not-found', 'there is nothing here');
}

export function notAllowed(allow: string): ShopReply {
  const reply = failure(405, 'method-not-allowed', `the methods here are ${allow}`);
  return { ...reply, headers: { ...reply.headers, Allow: allow } };
}
