import { offerTestServer } from './test-server.js';

/** The longest title of a test, in characters: a failing test must be readable in one line of a log. */
const longestTitle = 90;

let stop: (() => Promise<void>) | undefined;

// Mocha calls the two global fixtures once, in its main process, even if test files run in worker processes.
export async function mochaGlobalSetup(): Promise<void> {
  stop = await offerTestServer();
}

export async function mochaGlobalTeardown(): Promise<void> {
  await stop?.();
}

// Processes that tests start are not measured: writing and reading their coverage costs half a second each. Tests in
// this process also run their code.
if (process.env.MOCHA_WORKER_ID !== undefined) delete process.env.NODE_V8_COVERAGE;

// Mocha kills a worker that needs more than a second to exit. Writing the coverage can take longer.
if (process.env.MOCHA_WORKER_ID !== undefined) process.on('SIGTERM', () => {});

export const mochaHooks = {
  beforeAll(this: Mocha.Context) {
    this.test?.parent?.eachTest(({ title, file }) => {
      if (title.length > longestTitle) {
        throw new Error(`a title has more than ${longestTitle} characters: "${title}" in ${file}`);
      }
    });
  },
};
