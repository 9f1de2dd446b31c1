import type { ConformanceCase } from '../conformance-case.js';
import { creationCases } from './creation-cases.js';
import { decisionCases } from './decision-cases.js';
import { effectCases } from './effect-cases.js';
import { inboxCases } from './inbox-cases.js';
import type { RepositoryUnderTest } from './repository-harness.js';
import { RepositoryHarness } from './repository-harness.js';

/**
 * The suite that says whether a repository of one's own is right: every promise of the port, in cases that any runner
 * takes (mocha, vitest, jest, `node:test`).
 * @param make called once a case. It may answer with the same database every time: cases use ids of their own.
 *
 * @example
 * for (const { name, run } of repositoryConformance(() => ({ repository: new MyRepository() }))) it(name, run);
 */
export function repositoryConformance(
  make: () => RepositoryUnderTest | Promise<RepositoryUnderTest>,
): ConformanceCase[] {
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
