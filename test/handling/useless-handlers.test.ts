import { expect } from 'chai';
import { DragonpayCallback, type DragonpaySettings, MemoryRepository, OnPost, OnStatus } from '../../src/index.js';
import { testEndpoint } from '../support/dispatch-signed.js';
import { expectRefusal } from '../support/expect-refusal.js';

@DragonpayCallback()
class Shipping {
  @OnStatus('S') ship() {}
}

@DragonpayCallback()
class Paying {
  @OnStatus('S', { kind: 'payout' }) paid() {}
}

@DragonpayCallback()
class Queued {
  @OnStatus('S', { queue: 'mail' }) mail() {}
}

@DragonpayCallback()
class Empty {}

class Mailer {}

@DragonpayCallback()
class WithServices {
  constructor(readonly mailer: Mailer) {}
  @OnPost() post() {}
}

@DragonpayCallback()
class WithDefaults {
  constructor(readonly mailer = new Mailer()) {}
  @OnPost() post() {}
}

describe('endpoint()', () => {
  const repository = new MemoryRepository();
  const queue = { enqueue: async () => {} };

  for (const Class of [Shipping, Paying, Queued]) {
    it(`refuses @OnStatus methods that nothing is stored for (${Class.name})`, () => {
      expectRefusal(() => testEndpoint(Class, { queue }), 'repository', /is required: \w+ has @OnStatus methods/);
      const lookUps = () => testEndpoint(Class, { queue, repository, saveData: false });
      expectRefusal(lookUps, 'saveData', /must not be false: \w+ has @OnStatus methods/);
      expect(testEndpoint(Class, { queue, repository })).to.have.property('dispatch');
    });
  }

  const refused: Array<[what: string, run: () => unknown, problem: RegExp]> = [
    ['a class without methods if nothing is stored', () => testEndpoint(Empty), /^Empty has no decorated method/],
    [
      'constructor parameters without a resolver',
      () => testEndpoint(WithServices),
      /^WithServices has a constructor with parameters.+set resolver/,
    ],
  ];
  for (const [what, run, problem] of refused) {
    it(`refuses ${what}`, () => {
      expect(run).to.throw(problem).with.property('code', 'invalid-handler-class');
    });
  }

  const accepted: Array<[what: string, Class: typeof Empty, settings: Partial<DragonpaySettings>]> = [
    ['a class without methods if callbacks are stored', Empty, { repository }],
    ['constructor parameters with a resolver', WithServices as never, { resolver: { get: () => ({ post() {} }) } }],
    ['constructor parameters with default values', WithDefaults, {}],
  ];
  for (const [what, Class, settings] of accepted) {
    it(`accepts ${what}`, () => {
      expect(testEndpoint(Class, settings)).to.have.property('dispatch');
    });
  }
});
