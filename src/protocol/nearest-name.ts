import { invalidDetails, invalidSetting, whileReading } from '../errors.js';

/** The names of options. The compiler asks for the name of each new option, so that it is not refused as unknown. */
export type NamesOf<Options> = { readonly [Name in keyof Options]-?: true };

/**
 * @param subject the name of the options, for the error if they are not an object
 * @throws DragonpayError `invalid-setting` that names an option which does not exist
 */
export function checkNames<Options extends object>(
  options: Options,
  known: NamesOf<Options>,
  subject = 'options',
): void {
  // Reads every value, so that a getter that throws is noticed here.
  const names = whileReading(subject, () => {
    if (!isObject(options)) throw invalidSetting(subject, 'must be an object');
    return Object.entries(options).map(([name]) => name);
  });
  const unknown = names.find((name) => known[name as keyof Options] !== true);
  if (unknown !== undefined) throw invalidSetting(unknown, unknownName(unknown, Object.keys(known)));
}

/**
 * Refuses details with a misspelt name. Other unknown names are left alone: a program may pass its whole order.
 * @param subject the name of the details, for the error if they are not an object
 * @throws DragonpayError `invalid-details`
 */
export function checkSpelling(details: object, known: readonly string[], subject = 'details'): void {
  if (!isObject(details)) throw invalidDetails(subject, 'must be an object');
  for (const name of Object.keys(details)) {
    if (!known.includes(name) && nearestName(name, known) !== undefined) {
      throw invalidDetails(name, unknownName(name, known));
    }
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The problem of a name that does not exist, with the name that was probably meant. */
export function unknownName(name: string, names: readonly string[]): string {
  const nearest = nearestName(name, names);
  return nearest === undefined ? 'is unknown' : `is unknown; did you mean ${nearest}?`;
}

/** Finds the name that was probably meant by a misspelt one. `undefined` where no name is close. */
export function nearestName(given: string, names: readonly string[]): string | undefined {
  const folded = given.toLowerCase();
  let nearest: string | undefined;
  let least = Math.max(2, Math.floor(given.length / 3)) + 1;
  for (const name of names) {
    const distance = editDistance(folded, name.toLowerCase());
    if (distance < least) [nearest, least] = [name, distance];
  }
  return nearest;
}

/** The number of single characters to insert, delete or replace (Levenshtein distance). */
function editDistance(left: string, right: string): number {
  const letters = [...right];
  let row = [0, ...letters.map((_, index) => index + 1)];
  for (const [place, one] of [...left].entries()) {
    const next = [place + 1];
    for (const [index, other] of letters.entries()) {
      const replaced = (row[index] as number) + (one === other ? 0 : 1);
      next.push(Math.min(replaced, (row[index + 1] as number) + 1, (next[index] as number) + 1));
    }
    row = next;
  }
  return row.at(-1) as number;
}
