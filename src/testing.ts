/**
 * For tests: signed callbacks and their delivery, whether an effect happens exactly once, and the suites that say whether
 * a repository or an adapter of one's own is right.
 */
export {
  type AdapterConformanceOptions,
  type AdapterServer,
  type AdapterSetup,
  adapterConformance,
} from './testing/adapter-conformance.js';
export { assertExactlyOnce, type DeliveryFault } from './testing/assert-exactly-once.js';
export { type DeliverOptions, deliver } from './testing/deliver.js';
export {
  type ConformanceCase,
  type ConformingRepository,
  type RepositoryUnderTest,
  repositoryConformance,
} from './testing/repository-conformance.js';
export {
  type CallbackFields,
  encodeCallback,
  type SigningKeys,
  type SignOptions,
  signCallback,
} from './testing/sign-callback.js';
