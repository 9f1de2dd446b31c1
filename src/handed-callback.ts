import type { InvalidCallback, ValidCallback } from './callback.js';
import type { CallbackRequest } from './callback-request.js';
import type { Deadline } from './deadline.js';
import type { CallbackRepository } from './repository/callback-repository.js';
import type { CallbackUpdate } from './repository/callback-update.js';
import type { InquiryDetails, VerifiedCallback } from './verification/verified-callback.js';

/**
 * What a method is handed for a verified callback. A class for the sake of `signal`: a getter of the object itself
 * would cost each callback more than its proof does.
 */
export class HandedCallback {
  readonly valid = true;
  readonly kind: ValidCallback['kind'];
  readonly origin: VerifiedCallback['origin'];
  readonly method: VerifiedCallback['method'];
  readonly status: ValidCallback['status'];
  readonly data: ValidCallback['data'];
  readonly unsigned: ValidCallback['unsigned'];
  readonly proof: ValidCallback['proof'];
  readonly update: CallbackUpdate;
  readonly request: CallbackRequest | undefined;
  readonly stored: ValidCallback['stored'];
  declare readonly inquiry?: InquiryDetails;
  readonly #deadline: Deadline;

  constructor(
    verified: VerifiedCallback,
    update: CallbackUpdate,
    request: CallbackRequest | undefined,
    repository: CallbackRepository | undefined,
    deadline: Deadline,
    options: { readonly trx: unknown } | undefined,
  ) {
    const { kind, id } = verified;
    this.kind = kind;
    this.origin = verified.origin;
    this.method = verified.method;
    this.status = verified.status;
    this.data = verified.data;
    this.unsigned = verified.unsigned;
    this.proof = verified.proof;
    this.update = update;
    this.request = request;
    this.stored = (async () =>
      kind === 'payment'
        ? repository?.findTransaction(id, options ?? {})
        : repository?.findPayout(id, options ?? {})) as ValidCallback['stored'];
    if (verified.inquiry !== undefined) this.inquiry = verified.inquiry;
    this.#deadline = deadline;
  }

  get signal(): AbortSignal {
    return this.#deadline.signal;
  }
}

/** What a method is handed for an invalid callback. */
export class HandedInvalid implements InvalidCallback {
  readonly valid = false;
  readonly origin = 'callback';
  readonly method: InvalidCallback['method'];
  readonly issues: InvalidCallback['issues'];
  readonly received: InvalidCallback['received'];
  readonly update = { outcome: 'skipped' } as const;
  readonly request: CallbackRequest;
  readonly #deadline: Deadline;

  constructor(
    issues: InvalidCallback['issues'],
    received: InvalidCallback['received'],
    request: CallbackRequest,
    deadline: Deadline,
  ) {
    this.method = request.method as InvalidCallback['method'];
    this.issues = issues;
    this.received = received;
    this.request = request;
    this.#deadline = deadline;
  }

  get signal(): AbortSignal {
    return this.#deadline.signal;
  }
}
