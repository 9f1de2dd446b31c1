import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { StatementBatcher } from '../../src/repository/kysely/statement-batcher.js';

describe('StatementBatcher', () => {
  it('sends callbacks of one id one after the other, even past a slow statement', async () => {
    const sent: string[][] = [];
    const answers: Array<() => void> = [];
    const batcher = new StatementBatcher<string, string>((members) => {
      sent.push([...members]);
      return new Promise((resolve) => answers.push(() => resolve(new Map(members.map((id) => [id, `done ${id}`])))));
    }, 64);
    const first = batcher.add('A', 'A');
    await sleep(60);
    const rest = ['A', 'B', 'B'].map((id) => batcher.add(id, id));
    await sleep(10);
    expect(sent).to.deep.equal([['A'], ['B']]);
    for (let index = 0; index < 4; index++) {
      answers[index]?.();
      await sleep(60);
    }
    expect(await Promise.all([first, ...rest])).to.deep.equal(['done A', 'done A', 'done B', 'done B']);
    expect(sent.flat().sort()).to.deep.equal(['A', 'A', 'B', 'B']);
    for (const batch of sent) expect(new Set(batch).size).to.equal(batch.length);
  });

  it('drops a member that was not sent before its time is over', async () => {
    const sent: string[] = [];
    const answers: Array<() => void> = [];
    const batcher = new StatementBatcher<string, string>((members) => {
      sent.push(...members);
      return new Promise((resolve) => answers.push(() => resolve(new Map(members.map((id) => [id, 'done'])))));
    }, 1);
    const stuck = batcher.add('A', 'A');
    const late = batcher.add('B', 'B', performance.now() + 5).catch(({ code }) => code);
    await sleep(10);
    const next = batcher.add('C', 'C');
    expect(await late).to.equal('unstored');
    for (const wait of [0, 10]) {
      await sleep(wait);
      answers.shift()?.();
    }
    expect(await Promise.all([stuck, next])).to.deep.equal(['done', 'done']);
    expect(sent).to.deep.equal(['A', 'C']);
  });
});
