import { type Deadline, withSignal } from '../async/deadline.js';
import type { InvalidCallback, ValidCallback } from '../model/callback.js';
import type { CallbackRequest } from '../model/callback-request.js';
import type { CallbackUpdate } from '../model/callback-update.js';
import type { VerifiedCallback } from '../model/verified-callback.js';
import type { ReceivedFields } from '../reading/field-collector.js';
import type { CallbackRepository } from '../repository/callback-repository.js';
import { findRow } from '../repository/find-row.js';

/** The origin of a verified callback, and where its row is looked up. */
export interface CallbackSource {
  /** `undefined` for an inquiry, a replay or a correction. */
  readonly request: CallbackRequest | undefined;
  readonly repository: CallbackRepository | undefined;
}

/** Makes the argument of `@OnGet` and `@OnPost` methods. `@OnStatus` methods also get the transaction. */
export function toValidCallback(
  verified: VerifiedCallback,
  update: CallbackUpdate,
  { request, repository }: CallbackSource,
  deadline: Deadline,
  trx?: unknown,
): ValidCallback {
  const { kind, id, status, data, unsigned, proof, origin, method, inquiry } = verified;
  const options = trx === undefined ? {} : { trx };
  const stored = async () => repository && findRow(repository, kind, id, options);
  const valid = { valid: true, kind, origin, method, status, data, unsigned, proof, update, request, stored };
  return withSignal(inquiry === undefined ? valid : { ...valid, inquiry }, deadline) as ValidCallback;
}

/** Makes the argument of `@OnGet` and `@OnPost` methods for a forged or malformed callback. */
export function toInvalidCallback(
  issues: InvalidCallback['issues'],
  { received }: ReceivedFields,
  request: CallbackRequest,
  deadline: Deadline,
): InvalidCallback {
  const invalid: Omit<InvalidCallback, 'signal'> = {
    valid: false,
    origin: 'callback',
    method: request.method as 'GET' | 'POST',
    issues,
    received: received(),
    update: { outcome: 'skipped' },
    request,
  };
  return withSignal(invalid, deadline);
}
