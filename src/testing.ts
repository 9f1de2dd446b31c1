/**
 * For tests: signed callbacks and their delivery, a check that an effect happens exactly once, a local gateway, and the
 * conformance suites of repositories and adapters.
 */

export {
  type CallbackFields,
  encodeCallback,
  type SigningKeys,
  type SignOptions,
  signCallback,
} from './protocol/sign-callback.js';
export type { SandboxOptions } from './sandbox/sandbox-options.js';
export { type Sandbox, startSandbox } from './sandbox/start-sandbox.js';
export {
  type AdapterConformanceOptions,
  adapterConformance,
} from './testing/adapter-conformance/adapter-conformance.js';
export type { AdapterServer, AdapterSetup } from './testing/adapter-conformance/adapter-harness.js';
export type { HostLimit } from './testing/adapter-conformance/raw-http.js';
export { assertExactlyOnce, type DeliveryFault } from './testing/assert-exactly-once.js';
export { assertCallbackCorpus, type CorpusOptions } from './testing/callback-corpus/assert-callback-corpus.js';
export {
  type CorpusCase,
  type CorpusDifference,
  type CorpusRow,
  type CorpusSetup,
  type CorpusVerdict,
  callbackCorpus,
  type LeftOfBody,
} from './testing/callback-corpus/callback-corpus.js';
export type { ConformanceCase } from './testing/conformance-case.js';
export { type DeliverOptions, deliver } from './testing/deliver.js';
export { repositoryConformance } from './testing/repository-conformance/repository-conformance.js';
export type { ConformingRepository, RepositoryUnderTest } from './testing/repository-conformance/repository-harness.js';
