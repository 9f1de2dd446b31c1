import fc from 'fast-check';

// With other random inputs in each run, a mutant would live in one run and die in the next.
fc.configureGlobal({ seed: 1 });

/**
 * A promise that never settles must fail its test, as without Stryker. Stryker switches mocha's limit off and ends the
 * process at its own limit, after which nobody would know whether a test failed.
 */
export const mochaHooks = {
  beforeEach() {
    if (this.currentTest.timeout() === 0) this.currentTest.timeout(10_000);
  },
};
