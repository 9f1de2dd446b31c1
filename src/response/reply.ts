import { escapeHtml } from './escape-html.js';

/** Options of a reply that a handler makes. */
export interface ReplyOptions {
  /** HTTP status code of a reply with a body; 200 when not given (303 for a redirect). */
  readonly status?: number;
}

declare const ownReply: unique symbol;

/** A reply that a handler made with {@link reply}: it is sent as it is. */
export interface HandlerReply {
  readonly [ownReply]: true;
  readonly status: number;
  readonly contentType: string;
  readonly location: string | undefined;
  readonly body: string;
}

const replies = new WeakSet<object>();

const plainText = 'text/plain; charset=utf-8';
const withoutBody = [204, 205, 304];

function make(body: string, contentType: string, { status = 200 }: ReplyOptions, location?: string): HandlerReply {
  if (!Number.isInteger(status) || status < 200 || status > 599 || withoutBody.includes(status)) {
    throw new RangeError('a status is 200 to 599, and one that has a body');
  }
  if (typeof body !== 'string') throw new TypeError('the body of a reply is text');
  const made = Object.freeze({ status, contentType, location, body }) as HandlerReply;
  replies.add(made);
  return made;
}

/** Whether a value was made by {@link reply}. */
export function isHandlerReply(value: unknown): value is HandlerReply {
  return typeof value === 'object' && value !== null && replies.has(value);
}

/** What a handler method may return: a string is `reply.text(string)`, nothing is the default answer. */
export type HandlerResult = string | HandlerReply | undefined | void;

/**
 * Makes replies.
 *
 * @example
 * return reply.html`<p>Payment ${callback.data.txnid} received.</p>`;
 */
export const reply = {
  /** Plain text. */
  text: (body: string, options: ReplyOptions = {}): HandlerReply => make(body, plainText, options),

  /** JSON of a value. @throws TypeError for what JSON cannot hold. */
  json: (value: unknown, options: ReplyOptions = {}): HandlerReply => {
    const body = JSON.stringify(value);
    if (body === undefined) throw new TypeError('this value has no JSON');
    return make(body, 'application/json; charset=utf-8', options);
  },

  /** HTML, as a template tag: what is put into the template is escaped. `reply.html(markup)` takes it as it is. */
  html: (markup: TemplateStringsArray | string, ...values: ReadonlyArray<ReplyOptions | unknown>): HandlerReply => {
    const type = 'text/html; charset=utf-8';
    if (typeof markup === 'string') return make(markup, type, (values[0] ?? {}) as ReplyOptions);
    const body = markup.reduce((html, part, index) => html + escapeHtml(String(values[index - 1])) + part);
    return make(body, type, {});
  },

  /** 303: the browser follows with a GET. @throws TypeError for a location with line breaks or control characters. */
  redirect: (location: string, { status = 303 }: ReplyOptions = {}): HandlerReply => {
    if (!/^[\u0021-\u007e]+$/.test(location)) throw new TypeError('a location is printable ASCII without spaces');
    return make('', plainText, { status }, location);
  },
};
