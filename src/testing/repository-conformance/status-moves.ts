import type { CallbackKind } from '../../protocol/kinds.js';

/**
 * The outcome of a callback, by the status of the row (line) and of the callback (column): `+` applied, `L` applied
 * late, `=` duplicate, `-` stale. Written by hand as a second opinion on `src/protocol/statuses.ts`; do not derive it.
 */
export const moves: Readonly<
  Record<CallbackKind, { readonly to: string; readonly from: Readonly<Record<string, string>> }>
> = {
  payment: {
    to: 'PUASFVERK',
    from: {
      P: '=++++++++',
      U: '+=+++++++',
      A: '++=++++++',
      S: '---=---++',
      F: '---L=----',
      V: '---L-=---',
      E: '---L--=--',
      R: '-------=+',
      K: '--------=',
    },
  },
  payout: {
    to: 'PGHSFV',
    from: { P: '=+++++', G: '+=++++', H: '++=+++', S: '---=--', F: '----=-', V: '-----=' },
  },
};

export function expectedMove(kind: CallbackKind, from: string, to: string) {
  const sign = moves[kind].from[from]?.[moves[kind].to.indexOf(to)];
  if (sign === '=') return { outcome: 'duplicate', current: from };
  if (sign === '-') return { outcome: 'stale', current: from };
  return applied(from, to, sign === 'L');
}

export function applied(previous: string, current: string, late = false) {
  return { outcome: 'applied', previous, current, late };
}
