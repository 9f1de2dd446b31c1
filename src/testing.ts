/**
 * For tests: signed callbacks and their delivery, whether an effect happens exactly once, a gateway of one's own, and the
 * suites that say whether a repository or an adapter is right.
 */
export type { SandboxOptions } from './sandbox/sandbox-options.js';
export { type Sandbox, startSandbox } from './sandbox/start-sandbox.js';
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
