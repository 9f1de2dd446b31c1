import fc from 'fast-check';

// With random inputs, a mutant would live in one run and die in the next.
fc.configureGlobal({ seed: 1 });

/**
 * A promise that is never settled fails its test, as without Stryker. Stryker switches mocha's limit off, and would end
 * the process at its own limit: nobody would know whether a test failed.
 */
export const mochaHooks = {
  beforeEach() {
    if (this.currentTest.timeout() === 0) this.currentTest.timeout(10_000);
  },
};
