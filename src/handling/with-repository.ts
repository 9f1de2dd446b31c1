import type { CallbackEndpoint } from '../model/callback-request.js';
import type { CallbackRepository } from '../repository/callback-repository.js';

/**
 * The method of an endpoint that makes the same endpoint over another repository. `assertExactlyOnce()` uses it to make
 * an endpoint whose effects fail, so that nothing for tests is in the way of a callback.
 */
export const withRepository = Symbol.for('dragonpay-callback.withRepository');

/** An endpoint that {@link withRepository} knows. */
export interface AdaptableEndpoint extends CallbackEndpoint {
  [withRepository](adapt: (repository: CallbackRepository) => CallbackRepository): CallbackEndpoint;
}
