import { DragonpayError } from '../errors.js';
import { escapeHtml } from './escape-html.js';

/** Options of a reply that a handler makes. */
export interface ReplyOptions {
  /**
   * HTTP status code of a reply with a body. Default: the status of the default reply, which is 200 for a verified
   * callback and 400 for an invalid one. For a redirect: 303.
   */
  readonly status?: number;
}

declare const ownReply: unique symbol;

/** A reply that a handler made with {@link reply}. */
export interface HandlerReply {
  readonly [ownReply]: true;
  /** `undefined`: the status of the default reply. */
  readonly status: number | undefined;
  readonly contentType: string;
  readonly location: string | undefined;
  readonly body: string;
}

const replies = new WeakSet<object>();

const plainText = 'text/plain; charset=utf-8';
const withoutBody = [204, 205, 304];

function make(body: string, contentType: string, options: ReplyOptions, location?: string): HandlerReply {
  if (typeof options !== 'object' || options === null) throw invalidReply('options', 'must be an object: { status }');
  const { status } = options;
  if (status !== undefined && !isStatusWithBody(status)) {
    throw invalidReply('status', 'must be 200 to 599, and not one without a body (204, 205, 304)');
  }
  if (typeof body !== 'string') throw invalidReply('body', 'must be a string');
  const made = Object.freeze({ status, contentType, location, body }) as HandlerReply;
  replies.add(made);
  return made;
}

function isStatusWithBody(status: number): boolean {
  return Number.isInteger(status) && status >= 200 && status <= 599 && !withoutBody.includes(status);
}

/** Whether a value was made by {@link reply}. */
export function isHandlerReply(value: unknown): value is HandlerReply {
  return typeof value === 'object' && value !== null && replies.has(value);
}

/** The result of a handler method. A string means `reply.text(string)`, nothing means the default reply. */
export type HandlerResult = string | HandlerReply | undefined | void;

/**
 * Makes replies. Each function throws a DragonpayError `invalid-reply` for arguments that cannot be sent.
 *
 * @example
 * return reply.html`<p>Payment ${callback.data.txnid} received.</p>`;
 */
export const reply = {
  /** Plain text. */
  text: (body: string, options: ReplyOptions = {}): HandlerReply => make(body, plainText, options),

  /** The value as JSON. */
  json: (value: unknown, options: ReplyOptions = {}): HandlerReply => {
    const body = toJson(value);
    if (body === undefined) throw invalidReply('value', 'cannot be written as JSON');
    return make(body, 'application/json; charset=utf-8', options);
  },

  /** HTML. As a template tag it escapes the inserted values. `reply.html(markup)` sends the markup unchanged. */
  html: (markup: TemplateStringsArray | string, ...values: ReadonlyArray<ReplyOptions | unknown>): HandlerReply => {
    const type = 'text/html; charset=utf-8';
    if (!Array.isArray(markup)) return make(markup as string, type, (values[0] ?? {}) as ReplyOptions);
    const body = markup.reduce((html, part, index) => html + escapeHtml(String(values[index - 1])) + part);
    return make(body, type, {});
  },

  /** A redirect, which the browser follows with a GET. `location` must be printable ASCII without spaces. */
  redirect: (location: string, options: ReplyOptions = {}): HandlerReply => {
    if (typeof location !== 'string' || !/^[\u0021-\u007e]+$/.test(location))
      throw invalidReply('location', 'must be printable ASCII without spaces');
    return make('', plainText, { status: 303, ...options }, location);
  },
};

function invalidReply(subject: string, problem: string): DragonpayError {
  return new DragonpayError('invalid-reply', `${subject} ${problem}`, { subject });
}

function toJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
