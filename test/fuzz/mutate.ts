import type { Random } from '../faults/random.js';

/** Pieces that have broken parsers before. */
const pieces = [
  '&', '=', '+', '%', '%%', '%00', '\0', '%ff', '\xff', '%c3%a9', '\xc3\xa9', '%2541', '%25', '%0d%0a', '\r\n', ' ', ':', '%3a',
  ';', '\xef\xbb\xbf', '%ef%bb%bf', '\xef\xbf\xbd', '%ed%a0%80', '%f0%9f%92%a9', '%e2%84%aa', '[]', '[a]', '__proto__', 'constructor',
  '0', '1', '-1', '1e999', '1500.00', '1,500.00', '0.001', '99999999999', 'NaN', 'null', 'true', '{}', '"', '\\', '\\u0000', '\\ud800',
  'S', 'F', 'P', 's', 'payment', 'payout', '~', '-', '.', '..', '/', '=='
]; // biome-ignore format: one list

/** Changes a text (one character per byte) at a few places. It takes parts from `others` and `words`. */
export function mutate(text: string, random: Random, others: readonly string[], words: readonly string[]): string {
  let changed = text;
  for (let times = 1 + random.below(4); times > 0; times--) changed = mutateOnce(changed, random, others, words);
  return changed.slice(0, 20_000);
}

function mutateOnce(text: string, random: Random, others: readonly string[], words: readonly string[]): string {
  const at = random.below(text.length + 1);
  const end = Math.min(text.length, at + random.below(random.chance(0.8) ? 8 : 200));
  const replaced = (piece: string, until = at) => text.slice(0, at) + piece + text.slice(until);
  switch (random.below(10)) {
    case 0:
      return replaced(String.fromCharCode(random.below(256)), at + 1);
    case 1:
      return replaced(String.fromCharCode((text.charCodeAt(at) || 0) ^ (1 << random.below(8))), at + 1);
    case 2:
      return replaced('', end);
    case 3:
      return replaced(text.slice(at, end).repeat(random.chance(0.95) ? 2 : 1 + random.below(500)));
    case 4:
      return replaced(random.pick(pieces));
    case 5:
      return replaced(random.pick(words));
    case 6:
      return replaced(random.pick(pieces), end);
    case 7: {
      const other = random.pick(others);
      return text.slice(0, at) + other.slice(random.below(other.length + 1));
    }
    case 8:
      return random.shuffled(text.split('&')).join('&');
    default: {
      const part = text.slice(at, end);
      // Only A to Z: the upper case of another letter may not fit into a byte.
      const upper = part.replace(/[a-z]/g, (letter) => letter.toUpperCase());
      return replaced(part === upper ? part.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : upper, end);
    }
  }
}
