import { type ConformanceCase, checkFunction } from '../conformance-case.js';
import { creationCases } from './creation-cases.js';
import { decisionCases } from './decision-cases.js';
import { effectCases } from './effect-cases.js';
import { inboxCases } from './inbox-cases.js';
import type { RepositoryUnderTest } from './repository-harness.js';
import { RepositoryHarness } from './repository-harness.js';

/**
 * The conformance suite for repositories: it tests every promise of the port. Any test runner can run its cases (mocha,
 * vitest, jest, `node:test`).
 * @param make called once for each case. It may use the same database every time, because each case uses new ids.
 *
 * @example
 * for (const { name, run } of repositoryConformance(() => ({ repository: new MyRepository() }))) it(name, run);
 */
export function repositoryConformance(
  make: () => RepositoryUnderTest | Promise<RepositoryUnderTest>,
): ConformanceCase[] {
  checkFunction('make', make);
  return Object.entries({ ...decisionCases, ...effectCases, ...inboxCases, ...creationCases }).map(([name, check]) => ({
    name,
    run: async () => {
      const made = await make();
      try {
        await check(new RepositoryHarness(made));
      } finally {
        await made.close?.();
      }
    },
  }));
}
