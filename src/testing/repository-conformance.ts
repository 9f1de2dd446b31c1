import type { CallbackRepository } from '../repository/callback-repository.js';
import type { InboxEvent, PayoutDetails, PayoutRow, TransactionDetails, TransactionRow } from '../repository/rows.js';
import { creationCases } from './repository-cases/creation-cases.js';
import { decisionCases } from './repository-cases/decision-cases.js';
import { effectCases } from './repository-cases/effect-cases.js';
import { inboxCases } from './repository-cases/inbox-cases.js';
import { RepositoryBench } from './repository-cases/repository-bench.js';

/** One case of a conformance suite, to be registered with any test runner. `run` rejects when it fails. */
export interface ConformanceCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** A repository as {@link repositoryConformance} looks at it: the port, and what a merchant needs beside it. */
export interface ConformingRepository extends CallbackRepository {
  createTransaction(details: TransactionDetails): Promise<TransactionRow>;
  createPayout(details: PayoutDetails): Promise<PayoutRow>;
  /** The inbox: the events of one payment or payout, the oldest first. */
  callbacks(filter: { readonly txnid?: string; readonly merchantTxnId?: string }): Promise<InboxEvent[]>;
}

/** What is made for one case. */
export interface RepositoryUnderTest {
  readonly repository: ConformingRepository;
  /** Others over the same database, as in other processes: what arrives at once then arrives at all of them. */
  readonly peers?: readonly ConformingRepository[];
  close?(): unknown;
}

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
        await check(new RepositoryBench(made));
      } finally {
        await made.close?.();
      }
    },
  }));
}
