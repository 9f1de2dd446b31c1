import { expect } from 'chai';
import fc from 'fast-check';
import { nameOnWire, signableFields } from '../../src/protocol/fields.js';
import { signCallback, signedTextOf } from '../../src/protocol/sign-callback.js';
import type { SignedText } from '../../src/protocol/signed-text.js';
import { settingProblems } from '../../src/settings/check-settings.js';
import type { DragonpaySettings } from '../../src/settings/settings.js';
import { judge, policyOf } from '../support/judge.js';
import { secretKey } from '../support/proofs.js';

type Reading = Partial<SignedText> & Pick<SignedText, 'fields'>;
type Fields = Record<string, string>;

const separators = [':', '|', '&', ',', ';', '\n', ' ', '=', '_', '#', '/', '+', '%', '"', '\r\n', '||', ', '];
const settingsWith = (reading: Partial<SignedText>): DragonpaySettings => ({
  merchantId: 'ACME',
  environment: 'test',
  verification: { sha1: { secretKeys: [secretKey] } },
  wire: { payment: { sha1: reading } },
});

const optional = <Part extends string, Value>(part: Part, values: readonly Value[]) =>
  fc
    .option(fc.constantFrom(...values), { nil: undefined })
    .map((value) => (value === undefined ? {} : { [part]: value }));

/** Readings of any kind. Most of them are not safe, so settings refuse them. */
const form = fc
  .tuple(
    optional('separator', separators),
    optional('pairs', [true, 'as-sent']),
    optional('empty', ['left-out']),
    optional('amount', ['as-sent', 'grouped', 'shortest', 'centavos', 'four-decimals']),
    optional('values', ['trimmed', 'encoded', 'decoded-twice']),
    optional('key', ['in-front']),
    optional('keySeparator', ['', '&key=']),
  )
  .map((parts) => Object.assign({}, ...parts) as Partial<SignedText>);
const fields = fc
  .tuple(
    fc.shuffledSubarray(['txnid', 'refno', 'status'], { minLength: 3 }),
    fc.shuffledSubarray([...signableFields('payment').slice(3), 'other:expiry'] as SignedText['fields'][number][]),
    fc.nat({ max: 3 }),
    fc.boolean(),
  )
  .map(([deciding, others, at, isMixed]) => {
    const joined = [...others.slice(0, at), ...deciding, ...others.slice(at)];
    // Most safe readings have their free texts together.
    return (isMixed ? joined : [...deciding, ...others]) as SignedText['fields'];
  });
const reading: fc.Arbitrary<Reading> = fc
  .tuple(fields, form)
  .map(([fields, form]) => ({ fields, ...form }))
  .filter((reading) => settingProblems(settingsWith(reading)).length === 0);

/** Values that are easily mistaken for others when the text is cut elsewhere. */
const nastyText = (separator: string) =>
  fc
    .array(
      fc.constantFrom(
        separator,
        separator,
        'S',
        'F',
        'A',
        'R9',
        '1.00',
        'ACME',
        'status=F',
        'amount=1.00',
        '%3a',
        '%257c',
        ' ',
      ),
      { maxLength: 6 },
    )
    .map((parts) => parts.join(''));
const callbackOf = ({ separator = ':' }: Reading): fc.Arbitrary<Fields> =>
  fc.record({
    txnid: fc.constantFrom('A', 'B', 'A|B', 'A,B', 'A=B', 'A%7cB', 'A_B', '1.00'),
    refno: fc.constantFrom('R9', 'R9S', 'S', 'R/9', 'R&9'),
    status: fc.constantFrom('S', 'F'),
    message: nastyText(separator),
    merchantid: fc.constantFrom('ACME', ''),
    param1: nastyText(separator),
    param2: nastyText(separator),
    amount: fc.constantFrom('1.00', '1500.00', '1,500.00', '1', ''),
    ccy: fc.constantFrom('PHP', ''),
    procid: fc.oneof(fc.constantFrom('BPI', ''), nastyText(separator)),
    settledate: fc.oneof(fc.constantFrom('2025-12-10', ''), nastyText(separator)),
    expiry: fc.oneof(fc.constantFrom('soon', ''), nastyText(separator)),
  });

/** Ways to cut the parts of a text into this number of values, at most some thousand. */
function* cuts(parts: readonly string[], count: number, separator: string): Generator<string[]> {
  if (count === 1) {
    yield [parts.join(separator)];
    return;
  }
  for (let taken = 1; taken <= parts.length - (count - 1); taken++) {
    for (const rest of cuts(parts.slice(taken), count - 1, separator)) {
      yield [parts.slice(0, taken).join(separator), ...rest];
    }
  }
}

/** Values that may be signed as the same text as this one. */
function spellings(field: string, signed: string): string[] {
  const decoded = (() => {
    try {
      return decodeURIComponent(signed.replaceAll('+', ' '));
    } catch {
      return signed;
    }
  })();
  const amounts = field === 'amount' ? [signed.replaceAll(',', ''), signed.replace(/(\d\d)$/, '.$1')] : [];
  return [...new Set([signed, decoded, encodeURIComponent(signed), ` ${signed}`, ...amounts])];
}

/** Other callbacks that may have the same text. */
function* recut(text: string, { fields, separator = ':', pairs, empty }: Reading, like: Fields): Generator<Fields> {
  const left = empty === 'left-out' ? 1 : 0;
  const parts = text.split(separator);
  let tried = 0;
  for (let out = 0; out <= left * (fields.length - 3); out++) {
    for (let from = 0; from + out <= fields.length; from++) {
      const kept = fields.filter((_, index) => index < from || index >= from + out);
      for (const values of cuts(parts, kept.length, separator)) {
        if (++tried > 400) return;
        const named = kept.map((field, index) => [nameOnWire(field), values[index] ?? ''] as const);
        if (pairs && named.some(([name, value]) => !value.startsWith(`${name}=`))) continue;
        const made = named.map(([name, value]) => [name, pairs ? value.slice(name.length + 1) : value] as const);
        const absent = Object.fromEntries(fields.map((field) => [nameOnWire(field), '']));
        const base = { ...like, ...absent, ...Object.fromEntries(made) };
        yield base;
        for (const [name, value] of made) {
          for (const spelling of spellings(name, value)) yield { ...base, [name]: spelling };
        }
        yield {
          ...base,
          ...Object.fromEntries(made.map(([name, value]) => [name, spellings(name, value)[1] ?? value])),
        };
      }
    }
  }
}

describe('Every reading that a setting accepts', () => {
  it('lets no payment be cut or spelled into another one under the same proof', async function () {
    this.timeout(60_000);
    let [compared, accepted] = [0, 0];
    await fc.assert(
      fc.asyncProperty(
        reading.chain((reading) => fc.tuple(fc.constant(reading), callbackOf(reading))),
        async ([reading, original]) => {
          const { wire, ...settings } = settingsWith(reading);
          const policy = policyOf({ ...settings, wire });
          const { digest = '' } = signCallback(original, { sha1: { secretKey } }, { merchantId: 'ACME', wire });
          const text = signedTextOf(original, 'sha1', 'ACME', wire);
          const meanings: Fields[] = [];
          for (const callback of [original, ...recut(text, reading, original)]) {
            if (signedTextOf(callback, 'sha1', 'ACME', wire) !== text) continue;
            const verdict = await judge({ ...callback, digest }, policy);
            compared++;
            if (!verdict.ok) continue;
            const { data, unsigned } = verdict.callback;
            const covered = Object.entries(data).filter(([name]) => !Object.hasOwn(unsigned, name));
            meanings.push(Object.fromEntries(covered) as Fields);
          }
          const [first = {}] = meanings;
          for (const other of meanings) {
            const [one, two] = [first, other].map((meaning) =>
              Object.fromEntries(
                Object.entries(meaning).filter(([name]) => Object.hasOwn(first, name) && Object.hasOwn(other, name)),
              ),
            );
            expect(two, JSON.stringify(reading)).to.deep.equal(one);
            if (other !== first) accepted++;
          }
        },
      ),
      { numRuns: 250 },
    );
    expect(compared, 'other callbacks have the same text').to.be.greaterThan(500);
    expect(accepted, 'and some are accepted').to.be.greaterThan(50);
  });
});
