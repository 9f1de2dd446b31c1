import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { DragonpayCallback, type DragonpayError, OnStatus } from '../../../src/index.js';
import { type DragonpayTables, KyselyRepository, withNamedStatements } from '../../../src/kysely.js';
import { verifySigned } from '../../../src/testing/verify-signed.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { dispatchSigned, paymentFields, testDragonpay } from '../../support/dispatch-signed.js';
import { rejection } from '../../support/rejection.js';

/** The triggers and rules that keep rows from changing whose txnid begins with `KEPT`. */
const obstacles: Readonly<Record<string, string>> = {
  'a trigger that returns null': trigger('return null'),
  'a trigger that returns the old row': trigger('return old'),
  'a trigger that changes the status back': trigger('new.status := old.status; return new'),
  'row security': `
alter table dragonpay_transactions enable row level security;
create policy look on dragonpay_transactions for select using (true);
create policy add on dragonpay_transactions for insert with check (true);
create policy change on dragonpay_transactions for update using (txnid not like 'KEPT%')`,
};

function trigger(statements: string): string {
  return `
create function keep() returns trigger language plpgsql as $$ begin
  if new.txnid like 'KEPT%' then ${statements}; end if;
  return new;
end $$;
create trigger keep before update on dragonpay_transactions for each row execute function keep()`;
}

const skipped = 'the event was not recorded: a trigger of the inbox skipped it or gave it another id';

let effects = 0;

@DragonpayCallback()
class Plain {}

@DragonpayCallback()
class Shipping {
  @OnStatus('S') ship() {
    effects++;
  }
}

for (const [name, sql] of Object.entries(obstacles)) {
  describe(`A row that is protected by ${name}`, () => {
    const role = `shop_${randomBytes(6).toString('hex')}`;
    let database: TestDatabase;
    let db: Kysely<DragonpayTables>;
    let repository: KyselyRepository<DragonpayTables>;
    const errors: DragonpayError[] = [];
    const hooks = {
      stored: ({ error }: { error?: unknown }) => {
        if (error !== undefined) errors.push(error as DragonpayError);
      },
      handlerFailed() {},
    };

    before(async () => {
      database = await createTestDatabase();
      await database.pool.query(`create role ${role} login password 'shop';
grant select, insert, update on all tables in schema public to ${role};${sql}`);
      const url = new URL(database.url);
      [url.username, url.password] = [role, 'shop'];
      const pool = withNamedStatements(new pg.Pool({ connectionString: url.href }));
      db = new Kysely({ dialect: new PostgresDialect({ pool }) });
      repository = new KyselyRepository(db);
      for (const txnid of ['KEPT-1', 'KEPT-2', 'FREE-1', 'FREE-2', 'FREE-3']) {
        await repository.createPayment({ txnid, amount: '100.00' });
      }
    });
    beforeEach(() => {
      errors.length = 0;
      effects = 0;
    });
    after(async () => {
      await db?.destroy();
      await database?.pool.query(`drop owned by ${role}; drop role ${role}`);
      await database?.destroy();
    });

    for (const Class of [Plain, Shipping]) {
      it(`is told apart from a locked one, at once, by ${Class.name}`, async () => {
        const endpoint = testDragonpay({ repository, hooks }).endpoint(Class);
        const startedAt = performance.now();
        for (let delivery = 0; delivery < 2; delivery++) {
          const { status, body } = await dispatchSigned(endpoint, paymentFields({ txnid: 'KEPT-1' }));
          expect([status, body]).to.deep.equal([503, 'error=unstored']);
        }
        expect(performance.now() - startedAt).to.be.below(2_000);
        expect(errors.map(({ code }) => code)).to.deep.equal(['row-protected', 'row-protected']);
        expect(effects).to.equal(0);
        expect(await repository.findPayment('KEPT-1')).to.include({ status: 'P' });
        expect(await repository.callbacks({ txnid: 'KEPT-1' })).to.deep.equal([]);
      });
    }

    it('does not keep others that share its statement', async () => {
      const endpoint = testDragonpay({ repository, hooks }).endpoint(Plain);
      const txnids = ['FREE-1', 'KEPT-2', 'FREE-2'];
      // The first callback is sent alone, so that the others share the next statement.
      const replies = await Promise.all(
        ['FREE-3', ...txnids].map((txnid) => dispatchSigned(endpoint, paymentFields({ txnid }))),
      );
      expect(replies.map(({ status }) => status)).to.deep.equal([200, 200, 503, 200]);
      for (const txnid of ['FREE-1', 'FREE-2']) {
        expect(await repository.findPayment(txnid)).to.include({ status: 'S' });
      }
    });

    it('is not corrected, and correct() says so', async () => {
      const dragonpay = testDragonpay({ repository, hooks });
      dragonpay.endpoint(Plain);
      const corrected = dragonpay.correct('KEPT-1', { status: 'S' }, { reason: 'seen by hand', by: 'Ana' });
      expect(await rejection(corrected)).to.include({ code: 'row-protected' });
      expect(await repository.callbacks({ txnid: 'KEPT-1' })).to.deep.equal([]);
    });
  });
}

describe('A trigger that returns null', () => {
  let database: TestDatabase;
  let repository: KyselyRepository<DragonpayTables>;

  before(async () => {
    database = await createTestDatabase();
    repository = new KyselyRepository(database.db);
    await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
    await database.pool.query(`create function keep() returns trigger language plpgsql as 'begin return null; end';
create trigger keep before insert or update on dragonpay_transactions for each row execute function keep()`);
  });
  after(() => database?.destroy());

  it('is named by createPayment instead of a payment that exists', async () => {
    const created = repository.createPayment({ txnid: 'T-2', amount: '100.00' });
    expect(await rejection(created)).to.include({ code: 'row-protected' });
    expect(await rejection(repository.createPayment({ txnid: 'T-1', amount: '100.00' }))).to.include({
      code: 'already-exists',
    });
  });

  it('is named by the claims of reconcile(), which would find nothing to ask about', async () => {
    const claims = [
      repository.claimOpenPayment({ olderThan: 0, lease: 1_000 }),
      repository.claimPayment('T-1', { lease: 1_000 }),
    ];
    for (const claim of claims) expect(await rejection(claim)).to.include({ code: 'row-protected' });
  });
});

describe('A trigger of the inbox that returns null or another id', () => {
  let database: TestDatabase;
  let repository: KyselyRepository<DragonpayTables>;
  const errors: DragonpayError[] = [];
  const hooks = {
    stored: ({ error }: { error?: unknown }) => {
      if (error !== undefined) errors.push(error as DragonpayError);
    },
    handlerFailed() {},
  };

  before(async () => {
    database = await createTestDatabase();
    repository = new KyselyRepository(database.db);
    for (const txnid of ['KEPT-1', 'KEPT-2', 'RENAMED', 'FREE-1', 'FREE-2', 'FREE-3']) {
      await repository.createPayment({ txnid, amount: '100.00' });
    }
    await database.pool.query(`
create function skip() returns trigger language plpgsql as $$ begin
  if new.id like 'KEPT%' or new.id like 'LATE%' and tg_op = 'UPDATE' then return null; end if;
  if new.id like 'RENAMED%' then new.id := 'another'; end if;
  return new;
end $$;
create trigger skip before insert or update on dragonpay_callbacks for each row execute function skip()`);
  });
  beforeEach(() => {
    errors.length = 0;
    effects = 0;
  });
  after(() => database?.destroy());

  for (const Class of [Plain, Shipping]) {
    it(`is answered 503, and nothing moves: ${Class.name}`, async () => {
      const endpoint = testDragonpay({ repository, hooks }).endpoint(Class);
      // Two deliveries: the second one is sent by another statement. The third one has no row.
      for (const txnid of ['KEPT-1', 'KEPT-1', 'KEPT-EARLY', 'RENAMED']) {
        const { status, body } = await dispatchSigned(endpoint, paymentFields({ txnid }));
        expect([status, body]).to.deep.equal([503, 'error=unstored']);
      }
      for (const { code, message } of errors) expect([code, message]).to.deep.equal(['row-protected', skipped]);
      expect(errors).to.have.lengthOf(4);
      expect(effects).to.equal(0);
      for (const txnid of ['KEPT-1', 'RENAMED']) {
        expect(await repository.findPayment(txnid)).to.include({ status: 'P' });
      }
    });
  }

  it('does not keep others that share its statement', async () => {
    const endpoint = testDragonpay({ repository, hooks }).endpoint(Plain);
    // The first callback is sent alone, so that the others share the next statement.
    const replies = await Promise.all(
      ['FREE-3', 'FREE-1', 'KEPT-2', 'FREE-2'].map((txnid) => dispatchSigned(endpoint, paymentFields({ txnid }))),
    );
    expect(replies.map(({ status }) => status)).to.deep.equal([200, 200, 503, 200]);
    expect(await repository.findPayment('FREE-2')).to.include({ status: 'S' });
    expect(await repository.findPayment('KEPT-2')).to.include({ status: 'P' });
  });

  it('is named by a correction, a failure, and the claim of an early callback', async () => {
    const dragonpay = testDragonpay({ repository, hooks });
    const endpoint = dragonpay.endpoint(Plain);
    const corrected = dragonpay.correct('KEPT-1', { status: 'S' }, { reason: 'seen by hand', by: 'Ana' });
    expect(await rejection(corrected)).to.include({ code: 'row-protected', message: skipped });
    expect(await repository.findPayment('KEPT-1')).to.include({ status: 'P' });
    const failure = repository.recordFailure(
      await verifySigned({ txnid: 'KEPT-1', refno: 'R-1', status: 'S', message: '' }),
    );
    expect(await rejection(failure)).to.include({ code: 'row-protected', message: skipped });
    expect((await dispatchSigned(endpoint, paymentFields({ txnid: 'LATE-1' }))).status).to.equal(200);
    await repository.createPayment({ txnid: 'LATE-1', amount: '100.00' });
    const claim = repository.claimEarlyEvent({ lease: 1_000, kinds: ['payment'] });
    expect(await rejection(claim)).to.include({ code: 'row-protected', message: skipped });
  });
});

describe('An error that a trigger raises', () => {
  let database: TestDatabase;
  before(async () => {
    database = await createTestDatabase();
    await database.pool.query(`create function fail() returns trigger language plpgsql as $$ begin
  raise exception 'the audit failed' using errcode = new.refno, table = 'dragonpay_callbacks';
end $$;
create trigger fail before insert on dragonpay_callbacks for each row when (new.id like 'BAD%') execute function fail()`);
  });
  after(() => database?.destroy());

  for (const [code, meaning] of Object.entries({
    '26000': 'a pooler that does not know a statement',
    '42P05': 'a pooler that knows a statement already',
    '42P01': 'a missing table of the package',
    '23505': 'an event that was recorded meanwhile',
  })) {
    for (const Class of [Plain, Shipping]) {
      it(`with the code ${code} is not taken for ${meaning}: ${Class.name}`, async () => {
        const errors: DragonpayError[] = [];
        const warnings: string[] = [];
        const hear = ({ name, message }: Error) => name === 'DragonpayWarning' && void warnings.push(message);
        const stored = ({ error }: { error?: unknown }) => void errors.push(error as DragonpayError);
        const repository = new KyselyRepository(database.db);
        const txnid = `BAD-${code}-${Class.name}`;
        await repository.createPayment({ txnid, amount: '100.00' });
        const endpoint = testDragonpay({ repository, hooks: { stored, handlerFailed() {} } }).endpoint(Class);
        process.on('warning', hear);
        const startedAt = performance.now();
        const { status } = await dispatchSigned(endpoint, paymentFields({ txnid, refno: code }));
        await new Promise((resolve) => setImmediate(resolve));
        process.off('warning', hear);
        expect([status, warnings]).to.deep.equal([503, []]);
        expect(performance.now() - startedAt).to.be.below(2_000);
        expect(errors.map(({ code, message }) => [code, message])).to.deep.equal([[code, 'the audit failed']]);
      });
    }
  }
});
