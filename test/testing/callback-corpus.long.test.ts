import { assertCallbackCorpus } from '../../src/testing.js';
import { describeRepositories } from '../support/describe-repositories.js';
import { adapterServers, doorsOf, serveNode } from '../support/servers.js';

describe('The corpus of callbacks', () => {
  for (const { name, serve, options } of adapterServers.flatMap(doorsOf)) {
    it(`says the same at ${name}`, () => assertCallbackCorpus(serve, options));
  }
});

describeRepositories('The corpus of callbacks', (repository) => {
  it('says the same, whatever stores the rows', () =>
    assertCallbackCorpus((endpoint) => serveNode(endpoint, 'plain'), { repository: repository() }));
});
