/**
 * Every failure has one line here: its code, its meaning and, if a request can be answered with it, the HTTP status.
 * `docs/errors.md` shows the same tables and a test compares them.
 */
export const failures = {
  // The request is refused before any of its fields is read.
  'method-not-allowed': { status: 405, meaning: 'The method is not GET, HEAD, POST or OPTIONS.' },
  'address-not-allowed': { status: 403, meaning: 'The sender of the POST is not in `allowFrom`.' },
  'unsupported-media-type': { status: 415, meaning: 'The POST is not application/x-www-form-urlencoded.' },
  'unsupported-content-encoding': { status: 415, meaning: 'The body of the POST is compressed.' },
  'body-too-large': { status: 413, meaning: 'The body exceeds `limits.bodyBytes`, or `limits.fields`.' },
  'query-too-long': { status: 414, meaning: 'The query exceeds `limits.queryBytes`, or `limits.fields`.' },
  'body-timeout': { status: 408, meaning: 'The body did not arrive within `limits.bodyMilliseconds`.' },
  'body-aborted': { status: 400, meaning: 'The client closed the connection before the body was complete.' },
  'body-consumed': { status: 500, meaning: 'Code in front of the handler read the body and kept nothing of it.' },
  closing: { status: 503, meaning: '`close()` was called: this process accepts no more callbacks.' },

  // The fields were read, but are not a callback whose proof holds. Handler methods may see them. Nothing is stored.
  'invalid-utf8': { status: 400, meaning: 'A field contains bytes that are not UTF-8.' },
  'nul-character': { status: 400, meaning: 'A field contains a NUL character.' },
  'repeated-field': { status: 400, meaning: 'A field of the protocol occurs more than once.' },
  'altered-by-parser': { status: 400, meaning: 'A body parser in front changed a field, or may have changed it.' },
  'ambiguous-kind': { status: 400, meaning: 'Both txnid and merchantTxnId are present.' },
  'kind-not-accepted': { status: 400, meaning: 'The callback is of a kind that this endpoint does not accept.' },
  'missing-field': { status: 400, meaning: 'A required field is missing or empty.' },
  'malformed-field': { status: 400, meaning: 'A field does not have the required format.' },
  'merchant-mismatch': { status: 400, meaning: 'merchantid is not the configured merchant id.' },
  'proof-missing': { status: 400, meaning: 'No proof of an accepted kind is present.' },
  'proof-mismatch': { status: 400, meaning: 'A proof of an accepted kind is wrong.' },

  // The callback may be genuine, but it could not be verified, stored or handled now.
  'keys-unavailable': {
    status: 503,
    meaning: 'The public keys of Dragonpay could not be fetched, or are older than the callback.',
  },
  'too-many-copies': { status: 503, meaning: 'Too many copies of the callback are waiting to be stored.' },
  unstored: { status: 503, meaning: 'The database failed or timed out. The callback may not have been stored.' },
  'not-found': { status: 404, meaning: 'There is no such payment or payout (only with `allowInvalidData: false`).' },
  'handler-failed': { status: 500, meaning: 'A handler method threw, or returned something that is not a reply.' },
  'handler-deadline': {
    status: 503,
    meaning:
      'A handler method, or the resolver that makes its instance, took longer than `limits.handlerMilliseconds`.',
  },

  // An inquiry failed: `reconcile()` made it, or the setting `confirm` did.
  'gateway-unavailable': { meaning: 'The gateway could not be reached, or failed.' },
  'gateway-refused': { meaning: 'The gateway refused the merchant id or the API key.' },
  'answer-refused': { meaning: 'The answer of the gateway is malformed, or is about another payment.' },
  unconfirmed: { meaning: 'The gateway contradicts the callback. Nothing was stored.' },

  // Thrown to the program.
  'not-supported': { meaning: 'The repository lacks the methods that this call needs.' },
  'no-such-event': { meaning: 'The inbox has no event with this key.' },
  'event-unreadable': { meaning: 'The form of an event in the inbox is not a callback.' },
  'job-not-enqueued': { meaning: 'The queue refused the job of a status. The transaction was rolled back.' },
  'pool-exhausted': { meaning: 'A method asked for a second connection of a pool that has only one.' },
  'job-refused': { meaning: 'A queue delivered a job for which the class has no method.' },
  'invalid-reply': { meaning: 'A function of `reply` was called with arguments that cannot be sent.' },
  'invalid-setting': { meaning: 'A setting, option or environment variable is missing or malformed.' },
  'invalid-handler-class': { meaning: 'The decorated class cannot serve callbacks.' },
  'invalid-details': { meaning: 'The details of a payment or payout cannot be stored.' },
  'row-protected': {
    meaning: 'A trigger or row security of the database kept a row from changing, or an event from being recorded.',
  },
  'already-exists': { meaning: 'A payment or payout with this id exists already.' },
} as const satisfies Record<string, { status?: number; meaning: string }>;

/** The code of a failure: a key of the table of failures. */
export type FailureCode = keyof typeof failures;

/** The codes that a request can be answered with: those with an HTTP status. */
export type ReplyCode = {
  [Code in FailureCode]: (typeof failures)[Code] extends { status: number } ? Code : never;
}[FailureCode];

const brand = Symbol.for('dragonpay-callback.DragonpayError');

/**
 * The only error class of this package. Messages are meant for the merchant's log. They never contain a secret, a key
 * or an expected proof.
 */
export class DragonpayError extends Error {
  override readonly name = 'DragonpayError';
  /** The stable code of the failure. */
  readonly code: FailureCode;
  /** The HTTP status of the code; `undefined` if no request is answered with it. */
  readonly status: number | undefined;
  /** The setting, field or method that the failure is about, if there is one. */
  readonly subject: string | undefined;
  readonly [brand] = true;

  constructor(code: FailureCode, message: string, options: ErrorOptions & { subject?: string } = {}) {
    super(message, options);
    this.code = code;
    const failure = failures[code];
    this.status = 'status' in failure ? failure.status : undefined;
    this.subject = options.subject;
  }

  /** Whether a value is a DragonpayError, including one of another copy of this package. */
  static is(value: unknown): value is DragonpayError {
    try {
      return (
        typeof value === 'object' &&
        value !== null &&
        brand in value &&
        typeof (value as DragonpayError).code === 'string'
      );
    } catch {
      // A proxy or a getter may throw.
      return false;
    }
  }
}

/** The error of a setting, option or environment variable. `problem` completes the sentence that `subject` begins. */
export function invalidSetting(subject: string, problem: string, options: ErrorOptions = {}): DragonpayError {
  return new DragonpayError('invalid-setting', `${subject} ${problem}`, { ...options, subject });
}

/**
 * Reads values that were given. A getter or a proxy that throws becomes an error with a code.
 * @param refuse makes this error
 */
export function whileReading<Result>(subject: string, read: () => Result, refuse = invalidSetting): Result {
  try {
    return read();
  } catch (error) {
    if (DragonpayError.is(error)) throw error;
    throw refuse(subject, 'must not throw an error while it is read', { cause: error });
  }
}

/** The error of a value that cannot be stored. `problem` completes the sentence that `subject` begins. */
export function invalidDetails(subject: string, problem: string, options: ErrorOptions = {}): DragonpayError {
  return new DragonpayError('invalid-details', `${subject} ${problem}`, { ...options, subject });
}
