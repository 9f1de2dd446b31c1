import corpus from './corpus.json' with { type: 'json' };

/** The expected results of one request. */
export interface CorpusVerdict {
  /**
   * The verdict of the endpoint: the outcome of the update (`applied`, `skipped`, …) for a valid callback, the code of
   * the failure for an invalid one. `answered`: HEAD and OPTIONS, which are not callbacks. `not-reached`: the server or
   * code in front refused the request. It is a list if the bytes hold several requests.
   */
  readonly verdict: string | readonly string[];
  /**
   * Status and body, such as `200 result=OK`. `refused`: code in front of the adapter refuses the request with any
   * status from 400, or closes the connection. `none`: the sender has closed the connection. It is a list if the bytes
   * hold several requests.
   */
  readonly reply: string | readonly string[];
  /** The status of the row afterwards; `null` if there is none. */
  readonly row: string | null;
  /** Fields that the handler sees if the callback is valid. `null`: the field must be missing. */
  readonly read?: Readonly<Record<string, string | null>>;
}

/** The results that differ behind code that reads the body, and the reason. */
export interface CorpusDifference extends Partial<CorpusVerdict> {
  readonly because: string;
  /** Whether the usual verdict is right as well, depending on the code in front. */
  readonly mayAlso?: boolean;
  /** Whether the case is left out there, because it makes no sense. */
  readonly isLeftOut?: boolean;
}

/** The form in which code in front leaves a body that it has read: its bytes, its text, or only its fields. */
export type LeftOfBody = 'bytes' | 'text' | 'fields';

/**
 * One request of the corpus. Texts are one character per byte, and hold placeholders in `{{ }}`, which docs/testing.md
 * explains.
 */
export interface CorpusCase extends CorpusVerdict {
  /** Its group and its name, such as `escapes: a plus sign`. */
  readonly name: string;
  /** A sentence that says what the case is about. */
  readonly says: string;
  /** The proofs that the merchant accepts. Default: `sha1`. */
  readonly setup?: CorpusSetup;
  /** Default: `POST`. */
  readonly method?: string;
  /** The query of the target, with its question mark. */
  readonly query?: string;
  /** Header lines instead of `Content-Type: application/x-www-form-urlencoded`. `Content-Length` is added to a body. */
  readonly headers?: readonly string[];
  /** The body of the request. A list is sent in chunks. */
  readonly body?: string | readonly string[];
  /** All bytes of one request or several, instead of the parts above. */
  readonly bytes?: readonly string[];
  /**
   * The text that the proofs cover, in UTF-8. SHA-1 adds `:` and the secret key. It is one text, or one for each proof.
   */
  readonly signed?: string | Readonly<Partial<Record<'digest' | 'signature' | 'signatures', string>>>;
  /** The row before the request; `null` for none. Default: a payment of PHP 100.00. */
  readonly before?: CorpusRow | null;
  /** What happens to the connection after the bytes are sent. Default: it is kept. */
  readonly then?: 'closes' | 'waits';
  /**
   * The results behind code that has read the body, if they differ, by the form in which it leaves the body. Of a list,
   * any entry is right.
   */
  readonly behind?: Readonly<Partial<Record<LeftOfBody | 'any', CorpusDifference | readonly CorpusDifference[]>>>;
}

/** The row of a case: a payment unless it says `payout`. */
export interface CorpusRow {
  readonly payout?: true;
  readonly amount?: string;
  readonly currency?: string;
  readonly refno?: string;
  readonly status?: string;
}

/** The settings of the merchant, which are in `src/testing/callback-corpus/corpus-setups.ts`. */
export type CorpusSetup =
  | 'sha1'
  | 'hmac'
  | 'rsa'
  | 'transition'
  | 'hmac-and-sha1'
  | 'payments-only'
  | 'update-on-get'
  | 'strict'
  | 'strangers'
  | 'impatient'
  | 'offline'
  | 'encoded';

/**
 * Requests as raw bytes, each with its verdict, its reply and the status of its row. The verdicts follow from the
 * documentation. Any other receiver of Dragonpay's callbacks can be tested with them, too.
 */
export const callbackCorpus = corpus.cases as readonly CorpusCase[];

/** Texts that many cases share: `{{paid}}` and others. */
export const corpusParts: Readonly<Record<string, string>> = corpus.parts;
