import { expect } from 'chai';
import fc from 'fast-check';
import type { CallbackKind } from '../../src/protocol/kinds.js';
import {
  decideMove,
  initialStatus,
  isLate,
  isOpen,
  isStatus,
  latePredecessors,
  openStatuses,
  paymentStatuses,
  payoutStatuses,
  predecessors,
  statuses,
} from '../../src/protocol/statuses.js';
import { moves } from '../../src/testing/repository-conformance/status-moves.js';
import { inBackticks, type Page, readPages, tableRows } from '../support/markdown.js';

const kinds: readonly CallbackKind[] = ['payment', 'payout'];
const meaning = { '+': 'applied', L: 'applied', '=': 'duplicate', '-': 'stale' } as const;

/** The letters with Dragonpay's names, and the letters from which any other status may come, as docs/storage.md lists them. */
async function documented(kind: CallbackKind): Promise<{ names: Record<string, string>; open: string[] }> {
  const page = (await readPages()).find(({ path }) => path === 'docs/storage.md') as Page;
  const rows = tableRows(page, `${kind} is`);
  const names = rows.flatMap(([from = '']) =>
    [...from.matchAll(/`(\w)` ([\w ]+)/g)].map(([, letter, name]) => [letter, name]),
  );
  const open = rows.filter(([, to]) => to === 'anything else').flatMap(([from = '']) => inBackticks(from));
  return { names: Object.fromEntries(names), open };
}

/** The moves of the conformance suite, which are written by hand and do not come from the table under test. */
function* cells(kind: CallbackKind): Generator<{ from: string; to: string; cell: keyof typeof meaning }> {
  for (const [from, line] of Object.entries(moves[kind].from)) {
    for (const [index, to] of [...moves[kind].to].entries()) {
      yield { from, to, cell: line[index] as keyof typeof meaning };
    }
  }
}

describe('The status machine', () => {
  for (const kind of kinds) {
    it(`has every ${kind} status in the hand-written moves of the conformance suite`, () => {
      const missing = Object.keys(statuses[kind]).filter((letter) => !(letter in moves[kind].from));
      expect(missing, 'add to src/testing/repository-conformance/status-moves.ts').to.deep.equal([]);
      expect([...moves[kind].to]).to.have.members(Object.keys(statuses[kind]));
    });
  }

  for (const kind of kinds) {
    const letters = [...moves[kind].to];

    describe(`of a ${kind}`, () => {
      for (const { from, to, cell } of cells(kind)) {
        it(`from ${from} to ${to} is ${meaning[cell]}${cell === 'L' ? ', late' : ''}`, () => {
          expect(decideMove(kind, { status: from, reached: from }, to)).to.equal(meaning[cell]);
          // Earlier statuses of the row do not matter, unless the new one is among them.
          const others = letters.filter((letter) => letter !== to).join('');
          if (from !== to) expect(decideMove(kind, { status: from, reached: others }, to)).to.equal(meaning[cell]);
          if (meaning[cell] === 'applied') expect(isLate(kind, from, to)).to.equal(cell === 'L');
        });
      }

      it('never enters a status that is reached', () => {
        for (const { from, to } of cells(kind)) {
          if (from === to) continue;
          expect(decideMove(kind, { status: from, reached: from + to }, to), `${from} to ${to}`).to.equal('stale');
          expect(decideMove(kind, { status: from, reached: to + from }, to), `${from} to ${to}`).to.equal('stale');
        }
      });

      it('gives the SQL the same table', () => {
        for (const to of letters) {
          const column = [...cells(kind)].filter((entry) => entry.to === to);
          const applied = column.filter(({ cell }) => meaning[cell] === 'applied').map(({ from }) => from);
          const late = column.filter(({ cell }) => cell === 'L').map(({ from }) => from);
          expect([...predecessors(kind, to)], to).to.have.members(applied);
          expect([...latePredecessors(kind, to)], to).to.have.members(late);
        }
      });

      it('knows its letters, in upper case, and no others', () => {
        const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
        expect([...alphabet].filter((letter) => isStatus(kind, letter))).to.have.members(letters);
        for (const other of ['', 'SS', ' S', '0', '__proto__', 'constructor', 'toString', '\u212a', 'ſ']) {
          expect(isStatus(kind, other), other).to.equal(false);
        }
        expect(Object.keys(kind === 'payment' ? paymentStatuses : payoutStatuses)).to.have.members(letters);
      });

      it('names each letter as Dragonpay does, and says what is open, good or bad', async () => {
        const { names, open } = await documented(kind);
        const stateOf = (letter: string) => (open.includes(letter) ? 'open' : letter === 'S' ? 'good' : 'bad');
        const said = Object.entries(statuses[kind]).map(([letter, { name, state }]) => [letter, { name, state }]);
        const expected = Object.entries(names).map(([letter, name]) => [letter, { name, state: stateOf(letter) }]);
        expect(Object.fromEntries(said)).to.deep.equal(Object.fromEntries(expected));
        expect(letters.filter((letter) => isOpen(kind, letter))).to.have.members(open);
        for (const letter of ['D', 'p', '', 'toString']) expect(isOpen(kind, letter), letter).to.equal(false);
        if (kind === 'payment') expect(openStatuses).to.have.members(open);
      });

      it('lets nothing enter a letter that it does not know', () => {
        for (const letter of ['D', 's', 'Z', '']) {
          expect(predecessors(kind, letter)).to.equal('');
          expect(latePredecessors(kind, letter)).to.equal('');
        }
      });

      it('takes the first P after creation for news, and the next one for a duplicate', () => {
        expect(initialStatus).to.equal('P');
        expect(decideMove(kind, { status: 'P', reached: '' }, 'P')).to.equal('applied');
        expect(decideMove(kind, { status: 'P', reached: 'P' }, 'P')).to.equal('duplicate');
        expect(isLate(kind, 'P', 'P')).to.equal(false);
      });

      it('takes the status of the row for a duplicate, also if a merchant set it by hand', () => {
        for (const status of letters.filter((letter) => letter !== 'P')) {
          expect(decideMove(kind, { status, reached: '' }, status), status).to.equal('duplicate');
        }
      });

      describe('after any sequence of callbacks', () => {
        const sequences = fc.array(fc.constantFrom(...letters), { maxLength: 40 });
        const allowed = new Set(
          [...cells(kind)].filter(({ cell }) => meaning[cell] === 'applied').map(({ from, to }) => from + to),
        );

        function follow(sequence: readonly string[]) {
          let row = { status: initialStatus as string, reached: '' };
          const applied: Array<{ from: string; to: string }> = [];
          for (const to of sequence) {
            if (decideMove(kind, row, to) !== 'applied') continue;
            applied.push({ from: row.status, to });
            row = { status: to, reached: row.reached + to };
          }
          return { row, applied };
        }

        it('has applied no status twice', () => {
          fc.assert(
            fc.property(sequences, (sequence) => {
              const entered = follow(sequence).applied.map(({ to }) => to);
              expect(new Set(entered).size).to.equal(entered.length);
            }),
          );
        });

        it('has made only moves of the table, but for the first P', () => {
          fc.assert(
            fc.property(sequences, (sequence) => {
              for (const [index, { from, to }] of follow(sequence).applied.entries()) {
                expect(allowed.has(from + to) || (index === 0 && from + to === 'PP'), from + to).to.equal(true);
              }
            }),
          );
        });

        it('applies nothing when all callbacks are delivered again', () => {
          fc.assert(
            fc.property(sequences, (sequence) => {
              const { row, applied } = follow(sequence);
              for (const { to } of applied) expect(decideMove(kind, row, to)).to.be.oneOf(['duplicate', 'stale']);
            }),
          );
        });

        it('never moves a settled payment back to pending', () => {
          const final: Record<CallbackKind, string> = { payment: 'SRK', payout: 'SFV' };
          fc.assert(
            fc.property(sequences, (sequence) => {
              const { applied } = follow(sequence);
              const settled = applied.findIndex(({ to }) => final[kind].includes(to));
              if (settled < 0) return;
              for (const { to } of applied.slice(settled)) expect(final[kind]).to.include(to);
              if (kind === 'payout') expect(applied.length).to.equal(settled + 1);
            }),
          );
        });
      });
    });
  }
});
