import { assertCallbackCorpus } from '../../src/testing.js';
import { adapterServers, doorsOf } from '../support/servers.js';

describe('The corpus of callbacks', () => {
  for (const { name, serve, options } of adapterServers.flatMap(doorsOf)) {
    it(`says the same at ${name}`, () => assertCallbackCorpus(serve, options));
  }
});
