import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type Move, MoveQueue } from '../../src/repository/kysely/statement-batcher.js';

describe('The queue of moves', () => {
  it('sends one of an id after the other, also past a statement that takes long', async () => {
    const sent: string[][] = [];
    const answers: Array<() => void> = [];
    const queue = new MoveQueue<{ id: string }>((moves: readonly Move[]) => {
      sent.push(moves.map(([id]) => id ?? ''));
      return new Promise((resolve) => answers.push(() => resolve(moves.map(([id]) => ({ id: id ?? '' })))));
    }, 64);
    const first = queue.move(['A']);
    await sleep(60);
    const rest = [queue.move(['A']), queue.move(['B']), queue.move(['B'])];
    await sleep(10);
    expect(sent).to.deep.equal([['A'], ['B']]);
    for (let index = 0; index < 4; index++) {
      answers[index]?.();
      await sleep(60);
    }
    expect(await Promise.all([first, ...rest])).to.deep.equal([{ id: 'A' }, { id: 'A' }, { id: 'B' }, { id: 'B' }]);
    expect(sent.flat().sort()).to.deep.equal(['A', 'A', 'B', 'B']);
    for (const batch of sent) expect(new Set(batch).size).to.equal(batch.length);
  });
});
