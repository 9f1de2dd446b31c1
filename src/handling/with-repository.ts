import type { CallbackEndpoint } from '../model/callback-request.js';
import type { CallbackRepository } from '../repository/callback-repository.js';

/**
 * The method of an endpoint that makes the same endpoint with another repository. `assertExactlyOnce()` replaces the
 * repository by one whose effects fail. So the path of a callback needs no code for tests.
 */
export const withRepository = Symbol.for('dragonpay-callback.withRepository');

/** An endpoint whose repository can be replaced. */
export interface AdaptableEndpoint extends CallbackEndpoint {
  [withRepository](adapt: (repository: CallbackRepository) => CallbackRepository): CallbackEndpoint;
}
