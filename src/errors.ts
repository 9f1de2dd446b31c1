/**
 * Every failure has one line here: its code, the HTTP status that a request which meets it is answered with,
 * and what it means. `docs/errors.md` shows the same table and a test holds the two together.
 */
export const failures = {
  // The request was refused before a field of it was looked at.
  'method-not-allowed': { status: 405, meaning: 'The method is none of GET, HEAD, POST and OPTIONS.' },
  'address-not-allowed': { status: 403, meaning: 'The address that sent the POST is not in `allowFrom`.' },
  'unsupported-media-type': { status: 415, meaning: 'The POST is not application/x-www-form-urlencoded.' },
  'unsupported-content-encoding': { status: 415, meaning: 'The body of the POST is compressed.' },
  'body-too-large': { status: 413, meaning: 'The body is over `limits.bodyBytes`, or holds too many fields.' },
  'query-too-long': { status: 414, meaning: 'The query is over `limits.queryBytes`, or holds too many fields.' },
  'body-aborted': { status: 400, meaning: 'The client went away before the body was complete.' },
  'body-consumed': { status: 500, meaning: 'Something in front of the handler read the body and left nothing of it.' },
  closing: { status: 503, meaning: '`close()` was called: this process takes no more callbacks.' },

  // The fields were read, and are not a callback that proves itself: the handler may see them, nothing is stored.
  'invalid-escape': { status: 400, meaning: 'A field holds a percent sign that no two hex digits follow.' },
  'invalid-utf8': { status: 400, meaning: 'A field holds bytes that are not UTF-8.' },
  'nul-character': { status: 400, meaning: 'A field holds a NUL character.' },
  'repeated-field': { status: 400, meaning: 'A field of the protocol occurs more than once.' },
  'altered-by-parser': { status: 400, meaning: 'A body parser in front changed a field, or may have changed it.' },
  'ambiguous-kind': { status: 400, meaning: 'Both txnid and merchantTxnId are present.' },
  'kind-not-accepted': { status: 400, meaning: 'This endpoint does not take payments, or payouts.' },
  'missing-field': { status: 400, meaning: 'A required field is missing or empty.' },
  'malformed-field': { status: 400, meaning: 'A field does not have its shape.' },
  'merchant-mismatch': { status: 400, meaning: 'merchantid is not the configured merchant id.' },
  'proof-missing': { status: 400, meaning: 'No proof of an accepted kind is present.' },
  'proof-mismatch': { status: 400, meaning: 'A proof of an accepted kind does not hold.' },

  // The callback may be true; it could not be judged, stored or handled now.
  'keys-unavailable': { status: 503, meaning: "Dragonpay's public keys could not be fetched." },
  unstored: { status: 503, meaning: 'The database failed or timed out; perhaps nothing was stored.' },
  'not-found': { status: 404, meaning: 'No such payment or payout (only with `allowInvalidData: false`).' },
  'handler-failed': { status: 500, meaning: 'A handler method threw, or returned what is no reply.' },
  'handler-deadline': { status: 503, meaning: 'A handler method took longer than `limits.handlerMilliseconds`.' },

  // The gateway was asked about a payment: by `reconcile()`, or by `confirm` before a callback is stored.
  'gateway-unavailable': { status: 503, meaning: 'The gateway could not be reached, or was out of order.' },
  'gateway-refused': { status: 503, meaning: 'The gateway refused the merchant id or the API key.' },
  'answer-refused': { status: 503, meaning: 'The answer of the gateway is malformed, or about something else.' },
  unconfirmed: { status: 503, meaning: 'The gateway does not say what the callback says; nothing was stored.' },

  // Thrown to the program, never met by a callback.
  'not-supported': { status: 500, meaning: 'The repository has not the methods that this call needs.' },
  'no-such-event': { status: 404, meaning: 'The inbox holds no event with this key.' },
  'job-refused': { status: 500, meaning: 'A queue handed over a job that no method of the class is for.' },
  'invalid-setting': { status: 500, meaning: 'A setting or environment variable is missing or malformed.' },
  'invalid-handler-class': { status: 500, meaning: 'The decorated class cannot serve callbacks as it stands.' },
  'invalid-details': { status: 400, meaning: 'The details of a new payment or payout are not storable.' },
  'already-exists': { status: 409, meaning: 'A payment or payout with this id exists already.' },
} as const satisfies Record<string, { status: number; meaning: string }>;

/** The code of a failure: one of the keys of the table of failures. */
export type FailureCode = keyof typeof failures;

const brand = Symbol.for('dragonpay-callback.DragonpayError');

/**
 * The one error class of this package. Messages are for the log of the merchant and never hold a secret, a key or
 * an expected proof.
 */
export class DragonpayError extends Error {
  override readonly name = 'DragonpayError';
  /** What went wrong: a stable code of the table of failures. */
  readonly code: FailureCode;
  /** The HTTP status that belongs to the code. */
  readonly status: number;
  /** The setting, field or method that the failure is about, where there is one. */
  readonly subject: string | undefined;
  readonly [brand] = true;

  constructor(code: FailureCode, message: string, options: ErrorOptions & { subject?: string } = {}) {
    super(message, options);
    this.code = code;
    this.status = failures[code].status;
    this.subject = options.subject;
  }

  /** Whether a value is a DragonpayError, also one that another copy of this package made. */
  static is(value: unknown): value is DragonpayError {
    return typeof value === 'object' && value !== null && brand in value;
  }
}

/** The error of a setting, option or environment variable. `problem` completes the sentence that `subject` begins. */
export function invalidSetting(subject: string, problem: string, options: ErrorOptions = {}): DragonpayError {
  return new DragonpayError('invalid-setting', `${subject} ${problem}`, { ...options, subject });
}

/** The error of a value that cannot be stored. `problem` completes the sentence that `subject` begins. */
export function invalidDetails(subject: string, problem: string, options: ErrorOptions = {}): DragonpayError {
  return new DragonpayError('invalid-details', `${subject} ${problem}`, { ...options, subject });
}
