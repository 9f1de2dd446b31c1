import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type BatchedDatabase, StatementBatcher } from '../../src/repository/kysely/statement-batcher.js';

/** The clock of a test. It does not move by itself, so a busy machine makes no statement slow and no callback late. */
let clock = 0;

/** A database that answers a statement when a test says so. */
function openStatements(most: number, database: BatchedDatabase = { wasRefused: () => false }, onIdle?: () => void) {
  const sent: string[][] = [];
  const open: Array<{ resolve: (results: ReadonlyMap<string, string>) => void; reject: (error: Error) => void }> = [];
  const batcher = new StatementBatcher<string, string>(
    (members) => {
      sent.push([...members]);
      return new Promise((resolve, reject) => open.push({ resolve, reject }));
    },
    most,
    database,
    onIdle,
  );
  return {
    sent,
    /** Adds a callback of the id that is the first letter of its name. */
    add: (member: string, startBy?: number) => batcher.add(member.slice(0, 1), member, startBy),
    /** Ends a statement with a result for each of its ids, or for the given ids. */
    async answer(index: number, ids = sent[index]?.map((member) => member.slice(0, 1)) ?? []) {
      open[index]?.resolve(new Map(ids.map((id) => [id, `done ${id}`])));
      await sleep(0);
    },
    async fail(index: number, error: Error) {
      open[index]?.reject(error);
      await sleep(0);
    },
  };
}

const names = (count: number) => [...'ABCDEFGHIJ'].slice(0, count);
const done = (count: number) => names(count).map((name) => `done ${name}`);
/** The answers to callbacks. A callback without an answer must fail its test instead of blocking it. */
const answersTo = <Result>(callbacks: readonly Promise<Result>[]) =>
  Promise.all(callbacks.map((callback) => Promise.race([callback, sleep(1_000, 'no answer', { ref: false })])));
const codeOf = (promise: Promise<unknown>) => promise.then(String, ({ code, message }) => code ?? message);

/** Waits until a timer has had its effect, for two seconds at most. */
async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 400 && !isSo(); tries++) await sleep(5);
  expect(isSo(), 'within two seconds').to.equal(true);
}

describe('StatementBatcher', () => {
  beforeEach(() => {
    clock = 1_000;
    performance.now = () => clock;
  });
  afterEach(() => {
    // Without this property, the real clock of the prototype is used again.
    Reflect.deleteProperty(performance, 'now');
  });

  it('sends a callback at once, and lets those that come meanwhile share the next statement', async () => {
    const { sent, add, answer } = openStatements(64);
    const results = names(4).map((name) => add(name));
    expect(sent).to.deep.equal([['A']]);
    await answer(0);
    expect(sent).to.deep.equal([['A'], ['B', 'C', 'D']]);
    await answer(1, ['B', 'D']);
    expect(await answersTo(results)).to.deep.equal(['done A', 'done B', undefined, 'done D']);
    const later = add('A');
    expect(sent).to.deep.equal([['A'], ['B', 'C', 'D'], ['A']]);
    await answer(2);
    expect(await answersTo([later])).to.deep.equal(['done A']);
  });

  it('sends at most so many callbacks in one statement, those that wait longest first', async () => {
    const { sent, add, answer } = openStatements(2);
    const results = names(4).map((name) => add(name));
    for (const index of [0, 1, 2]) await answer(index);
    expect(sent).to.deep.equal([['A'], ['B', 'C'], ['D']]);
    expect(await answersTo(results)).to.deep.equal(done(4));
  });

  it('waits 50 milliseconds for a statement, and has eight under way at most', async () => {
    const { sent, add, answer } = openStatements(1);
    const results = [add('A')];
    clock += 49;
    results.push(add('B'));
    expect(sent).to.deep.equal([['A']]);
    clock += 1;
    results.push(add('C'));
    expect(sent, 'C waits for B, which is not slow yet').to.deep.equal([['A'], ['B']]);
    for (const name of names(10).slice(3)) {
      clock += 50;
      results.push(add(name));
    }
    expect(sent).to.deep.equal(names(8).map((name) => [name]));
    clock += 50;
    await answer(3);
    expect(sent).to.deep.equal(names(9).map((name) => [name]));
    for (const index of [0, 1, 2, 4, 5, 6, 7, 8, 9]) await answer(index);
    expect(await answersTo(results)).to.deep.equal(done(10));
  });

  it('sends callbacks of one id one after the other, even past a slow statement', async () => {
    const { sent, add, answer } = openStatements(64);
    const results = [add('A1')];
    clock += 50;
    results.push(add('A2'));
    expect(sent, 'its id is under way').to.deep.equal([['A1']]);
    results.push(add('B1'), add('B2'));
    expect(sent).to.deep.equal([['A1'], ['B1']]);
    clock += 50;
    await answer(1);
    expect(sent).to.deep.equal([['A1'], ['B1'], ['B2']]);
    await answer(0);
    await answer(2);
    expect(sent).to.deep.equal([['A1'], ['B1'], ['B2'], ['A2']]);
    await answer(3);
    expect(await answersTo(results)).to.deep.equal(['done A', 'done A', 'done B', 'done B']);
  });

  it('sends what waits past a slow statement, also if nothing else arrives', async () => {
    const { sent, add, answer } = openStatements(64);
    const results = names(3).map((name) => add(name));
    await sleep(70);
    expect(sent, 'by the clock, the statement is not slow').to.deep.equal([['A']]);
    clock += 50;
    await until(() => sent.length === 2);
    expect(sent).to.deep.equal([['A'], ['B', 'C']]);
    for (const index of [0, 1]) await answer(index);
    expect(await answersTo(results)).to.deep.equal(done(3));
  });

  it('sends later callbacks as if a slow statement were not there', async () => {
    const { sent, add, answer } = openStatements(64);
    const results = [add('A')];
    clock += 50;
    results.push(add('B'), add('C'));
    expect(sent).to.deep.equal([['A'], ['B']]);
    await answer(1);
    expect(sent, 'C waited for B only').to.deep.equal([['A'], ['B'], ['C']]);
    await answer(2);
    results.push(add('D'));
    expect(sent).to.deep.equal([['A'], ['B'], ['C'], ['D']]);
    for (const index of [0, 3]) await answer(index);
    expect(await answersTo(results)).to.deep.equal(done(4));
  });

  it('waits for the rest of the 50 milliseconds, however long a statement has run', async () => {
    const { add, answer } = openStatements(64);
    const results = [add('A')];
    const { setTimeout } = globalThis;
    const waits: unknown[] = [];
    globalThis.setTimeout = ((...args: Parameters<typeof setTimeout>) => {
      waits.push(args[1]);
      return setTimeout(...args);
    }) as typeof setTimeout;
    clock += 41;
    results.push(add('B'));
    globalThis.setTimeout = setTimeout;
    expect(waits).to.deep.equal([9]);
    for (const index of [0, 1]) await answer(index);
    expect(await answersTo(results)).to.deep.equal(done(2));
  });

  it('answers callbacks that were not sent in time, and keeps the others in order', async () => {
    const { sent, add, answer } = openStatements(64);
    const stuck = add('A');
    const late = [add('B', clock + 12), add('C', clock + 12)].map(codeOf);
    clock += 5;
    const kept = [add('D', clock + 1_000), add('E')];
    expect(await answersTo(late), 'before the statement ends').to.deep.equal(['unstored', 'unstored']);
    await answer(0);
    await answer(1);
    expect(sent).to.deep.equal([['A'], ['D', 'E']]);
    expect(await answersTo([stuck, ...kept])).to.deep.equal(['done A', 'done D', 'done E']);
  });

  it('sends no callback that is late behind one that is not', async () => {
    const { sent, add, answer } = openStatements(64);
    const results = [add('A'), add('B'), codeOf(add('C', clock + 15)), add('D')];
    clock += 6;
    await answer(0);
    await answer(1);
    expect(await answersTo(results)).to.deep.equal(['done A', 'done B', 'unstored', 'done D']);
    expect(sent).to.deep.equal([['A'], ['B', 'D']]);
  });

  it('sends only callbacks that have more than 10 milliseconds left', async () => {
    const { sent, add } = openStatements(64);
    const [error] = await answersTo([add('A', clock + 10).catch((thrown) => thrown)]);
    expect(error).to.include({ code: 'unstored', message: 'the statement was not sent to the database in time' });
    void add('B', clock + 11);
    expect(sent).to.deep.equal([['B']]);
  });

  it('tries the callbacks of a refused statement one by one, so that only the wrong one fails', async () => {
    const refusal = new Error('refused');
    const { sent, add, answer, fail } = openStatements(64, { wasRefused: (error) => error === refusal });
    const results = ['A', 'B', 'C'].map((name) => codeOf(add(name)));
    results.push(codeOf(add('D', clock + 100)));
    await answer(0);
    expect(sent).to.deep.equal([['A'], ['B', 'C', 'D']]);
    await fail(1, refusal);
    expect(sent.slice(2), 'one after the other').to.deep.equal([['B']]);
    await fail(2, refusal);
    expect(sent.slice(2)).to.deep.equal([['B'], ['C']]);
    clock += 95;
    await answer(3);
    expect(await answersTo(results)).to.deep.equal(['done A', 'refused', 'done C', 'unstored']);
    expect(sent).to.have.length(4);
  });

  it('tries nothing again after an error that is no refusal: the callbacks may be stored', async () => {
    const { sent, add, answer, fail } = openStatements(64);
    const results = names(3).map((name) => codeOf(add(name)));
    await answer(0);
    await fail(1, new Error('connection lost'));
    expect(await answersTo(results)).to.deep.equal(['done A', 'connection lost', 'connection lost']);
    expect(sent).to.have.length(2);
  });

  it('waits once for the end of a turn where a statement blocks, so that callbacks can share it', async () => {
    const { sent, add, answer } = openStatements(64, { wasRefused: () => false, blocks: true });
    const pending = () => process.getActiveResourcesInfo().filter((name) => name === 'Immediate').length;
    for (const index of [0, 1]) {
      const before = pending();
      const results = ['A', 'B'].map((name) => add(name));
      expect(pending() - before).to.equal(1);
      await Promise.resolve();
      results.push(add('C'));
      expect(sent).to.have.length(index);
      await sleep(1);
      await answer(index);
      expect(await answersTo(results)).to.deep.equal(done(3));
    }
    expect(sent).to.deep.equal([names(3), names(3)]);
  });

  it('sets no timer if nothing waits', async () => {
    const { add, answer } = openStatements(64);
    const results = [add('A')];
    clock += 50;
    results.push(add('B'));
    const { setTimeout } = globalThis;
    let timers = 0;
    globalThis.setTimeout = ((...args: Parameters<typeof setTimeout>) => {
      timers++;
      return setTimeout(...args);
    }) as typeof setTimeout;
    await answer(0);
    globalThis.setTimeout = setTimeout;
    expect(timers).to.equal(0);
    await answer(1);
    expect(await answersTo(results)).to.deep.equal(done(2));
  });

  it('says once that it is idle, when nothing waits and nothing is under way', async () => {
    let idle = 0;
    const { add, answer } = openStatements(1, undefined, () => idle++);
    void add('A');
    void add('B');
    clock += 50;
    void add('C');
    for (const index of [0, 1, 2]) {
      expect(idle).to.equal(0);
      await answer(index);
    }
    expect(idle).to.equal(1);
  });
});
