/**
 * The seam between a server and the dispatcher: all that an adapter has to know.
 * An adapter turns its framework's request into a {@link CallbackRequest}, hands it to
 * {@link CallbackEndpoint.dispatch} and writes the {@link CallbackReply} back. It decides nothing.
 */

/** What an adapter found of a request's body. */
export type BodyRead =
  /** The body as it came over the wire. The best there is. */
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** The body as text that something upstream decoded as UTF-8; percent escapes still in place. */
  | { readonly kind: 'text'; readonly text: string }
  /** Only the fields are left: a body parser ran first. `parser` names the likely one. */
  | {
      readonly kind: 'fields';
      readonly fields: Iterable<readonly [name: string, value: unknown]>;
      readonly parser?: string;
    }
  /** Something upstream read the stream and left nothing behind; `hint` names the likely cause. */
  | { readonly kind: 'consumed'; readonly hint: string }
  /** The body is longer than the limit that was asked for, in bytes. */
  | { readonly kind: 'too-large'; readonly limit: number }
  /** The client went away before the body was complete. */
  | { readonly kind: 'aborted' };

/** One HTTP request, as far as the dispatcher looks at it. */
export interface CallbackRequest {
  /** The HTTP method in upper case. */
  readonly method: string;
  /** The raw path and query, undecoded, as on the request line (one character a byte). */
  readonly target: string;
  /** The value of a header by its lower-case name, or `undefined`. */
  header(lowerName: string): string | undefined;
  /** Reads at most `limit` bytes of body. Called at most once, and only for a POST. */
  body(limit: number): BodyRead | Promise<BodyRead>;
  /** The peer's address as the socket reports it. */
  readonly remoteAddress?: string | undefined;
  /** Aborts when the client goes away. What is stored does not depend on it. */
  readonly signal?: AbortSignal | undefined;
  /** The framework's own request (Express `req`, Koa `ctx`, Node `IncomingMessage`). */
  readonly native: unknown;
}

/** The answer to one request: what an adapter writes, byte for byte. */
export interface CallbackReply {
  /** HTTP status code. */
  readonly status: number;
  /** Header names and values, in the order in which they are written. `Content-Length` is the adapter's. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as text, written as UTF-8. */
  readonly body: string;
}

/** What an adapter serves: one URL's worth of callbacks. */
export interface CallbackEndpoint {
  /** Answers one request. The promise never rejects. */
  dispatch(request: CallbackRequest): Promise<CallbackReply>;
}
