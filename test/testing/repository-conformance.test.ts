import { AssertionError } from 'node:assert/strict';
import { expect } from 'chai';
import { MemoryRepository, type MemoryTransaction, type StatusEffect, type VerifiedCallback } from '../../src/index.js';
import { repositoryConformance } from '../../src/testing.js';

/** Repositories with one fault each, and a case that must report it. */
const wrong: Readonly<Record<string, readonly [Wrong: new () => MemoryRepository, caseName: string]>> = {
  'runs the effect of a duplicate': [
    class extends MemoryRepository {
      override async store(callback: VerifiedCallback, effect?: StatusEffect<MemoryTransaction>) {
        const update = await super.store(callback, effect);
        const applied = { outcome: 'applied', previous: 'S', current: 'S', late: false } as const;
        if (update.outcome === 'duplicate') await effect?.run(applied, {} as MemoryTransaction);
        return update;
      }
    },
    'runs an effect only for the outcome applied',
  ],
  'runs the effect after it has committed': [
    class extends MemoryRepository {
      override async store(callback: VerifiedCallback, effect?: StatusEffect<MemoryTransaction>) {
        const update = await super.store(callback);
        if (update.outcome === 'applied') await effect?.run(update, {} as MemoryTransaction);
        return update;
      }
    },
    'rolls back when the effect fails, rejects with its error, applies the next delivery',
  ],
  'takes a lower-case letter for its upper-case one': [
    class extends MemoryRepository {
      override store(callback: VerifiedCallback, effect?: StatusEffect<MemoryTransaction>) {
        return super.store({ ...callback, status: callback.status.toUpperCase() }, effect);
      }
    },
    'answers unrecognized for an unknown letter and leaves the row unchanged',
  ],
  'forgets its inbox': [
    class extends MemoryRepository {
      override async callbacks() {
        return [];
      }
    },
    'records one event for an id, a refno and a status, and counts its deliveries',
  ],
};

describe('repositoryConformance', () => {
  for (const [name, [Wrong, caseName]] of Object.entries(wrong)) {
    it(`finds a repository wrong that ${name}`, async () => {
      const found = repositoryConformance(() => ({ repository: new Wrong() })).find((one) => one.name === caseName);
      let error: unknown;
      await found?.run().catch((reason: unknown) => {
        error = reason;
      });
      expect(error).to.be.instanceOf(AssertionError);
    });
  }

  it('closes what was made, also when a case fails', async () => {
    let made = 0;
    let closed = 0;
    const make = () => {
      made++;
      return { repository: made % 2 === 0 ? new MemoryRepository() : new BrokenRepository(), close: () => closed++ };
    };
    for (const { run } of repositoryConformance(make)) await run().catch(() => {});
    expect(made).to.be.above(50);
    expect(closed).to.equal(made);
  });
});

class BrokenRepository extends MemoryRepository {
  override async store(): Promise<never> {
    throw new Error('broken');
  }
}
