/**
 * The seam between a server and the dispatcher. An adapter turns the request of its framework into a
 * {@link CallbackRequest}, passes it to {@link CallbackEndpoint.dispatch} and writes the {@link CallbackReply}. It makes
 * no decisions.
 */

/** The body of a request, as far as an adapter can get it. */
export type BodyRead =
  /** The body as it came over the wire. Preferred. */
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** The body as text that code in front decoded as UTF-8, with its percent escapes. */
  | { readonly kind: 'text'; readonly text: string }
  /** A body parser ran first, and only its fields are left. `parser` names the likely one. */
  | {
      readonly kind: 'fields';
      readonly fields: Iterable<readonly [name: string, value: unknown]>;
      readonly parser?: string;
    }
  /** Code in front read the stream and did not keep the bytes. `hint` names the likely cause. */
  | { readonly kind: 'consumed'; readonly hint: string }
  /** The body is longer than the requested limit, in bytes. */
  | { readonly kind: 'too-large'; readonly limit: number }
  /** The client closed the connection before the body was complete. */
  | { readonly kind: 'aborted' };

/** The parts of an HTTP request that the dispatcher uses. */
export interface CallbackRequest {
  /** The HTTP method in upper case. */
  readonly method: string;
  /** The raw path and query, undecoded, as on the request line (one character for each byte). */
  readonly target: string;
  /** The value of a header by its lower-case name, or `undefined`. */
  header(lowerName: string): string | undefined;
  /** Reads at most `limit` bytes of the body. Called at most once, and only for a POST. */
  body(limit: number): BodyRead | Promise<BodyRead>;
  /** The address of the peer, as the socket reports it. */
  readonly remoteAddress?: string | undefined;
  /** Aborts when the client closes the connection. Storing does not depend on it. */
  readonly signal?: AbortSignal | undefined;
  /** The framework's own request (Express `req`, Fastify `request`, Koa `ctx`, Node `IncomingMessage`). */
  readonly native: unknown;
}

/** The reply to one request. An adapter writes it unchanged. */
export interface CallbackReply {
  /** HTTP status code. */
  readonly status: number;
  /** Header names and values, in the order of writing. The adapter adds `Content-Length`. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body, to be written as UTF-8. */
  readonly body: string;
}

/** The callbacks of one URL. Pass it to an adapter. */
export interface CallbackEndpoint {
  /** Answers one request. The promise never rejects. */
  dispatch(request: CallbackRequest): Promise<CallbackReply>;
  /** An adapter calls it with the error if the reply could not be written. Never throws. */
  replyFailed?(error: unknown): void;
}
