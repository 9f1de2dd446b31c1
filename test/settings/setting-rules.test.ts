import { expect } from 'chai';
import fc from 'fast-check';
import { settingProblems, settingsRules } from '../../src/settings/check-settings.js';
import { merchantKey } from '../support/proofs.js';

const reading = {
  fields: ['txnid', 'refno', 'status', 'message'],
  encodings: ['utf8'],
  separator: ':',
  pairs: false,
  empty: 'kept',
  amount: 'as-sent',
  values: 'decoded',
  hash: 'sha1',
  key: 'behind',
};

/** Every setting, with a value that is right. */
const everything = {
  merchantId: 'ACME',
  environment: { gateway: 'https://gateway.example' },
  apiKey: 'a key',
  verification: {
    rsa: { publicKeys: [merchantKey().publicKeyPem] },
    hmac: { keys: ['00ff'], encoding: 'hex' },
    sha1: { secretKeys: ['a secret', 'another'] },
    transition: true,
  },
  payout: { sha1: { secretKeys: ['a third'] }, sharedSecret: false },
  repository: { store() {}, findPayment() {}, findPayout() {} },
  saveData: true,
  resolver: { get() {} },
  allowFrom: ['10.0.0.0/8'],
  clientAddress() {},
  confirm: 'final',
  inquiry: { attempts: 1, timeoutMilliseconds: 100 },
  queue: { enqueue() {} },
  wire: { payment: { sha1: { ...reading, also: [{ hash: 'sha256' }] } }, payout: {} },
  limits: { bodyBytes: 1, queryBytes: 1, bodyMilliseconds: 1, fields: 1, handlerMilliseconds: 1, earlyMilliseconds: 0 },
  keepRefused: 5,
  hooks: { received() {}, stored: undefined },
  fetch() {},
};

/** The paths of an object and of all that it holds. */
function pathsOf(value: unknown, path: readonly string[] = []): string[][] {
  const inner = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return [[...path], ...inner.flatMap(([name, item]) => pathsOf(item, [...path, name]))];
}

function replaced(value: unknown, [name, ...rest]: readonly string[], by: unknown): unknown {
  if (name === undefined) return by;
  const copy = Array.isArray(value) ? [...value] : { ...(value as object) };
  const at = copy as Record<string, unknown>;
  at[name] = rest.length === 0 ? by : replaced(at[name], rest, by);
  return copy;
}

/** A value of another type, or a value of the same type that is just inside or outside of a rule. */
const odd = fc.oneof(
  fc.constantFrom<unknown[]>(
    undefined,
    null,
    true,
    false,
    0,
    1,
    1.5,
    -1,
    2 ** 30,
    Number.NaN,
    '',
    ' ',
    'a secret',
    'é',
  ),
  fc.constantFrom<unknown[]>('utf8', 'hex', 'left-out', 'test', 'never', 'message', 'param1', '?', '|', 'constructor'),
  fc.constantFrom<unknown[]>([], [undefined], [null], ['txnid'], ['utf8', 'ascii'], ['utf8', 'utf8'], new Array(2)),
  fc.constantFrom<unknown[]>(
    {},
    { toString: 'x' },
    { unknown: 1 },
    { unknown: undefined },
    Object.create(null),
    () => {},
  ),
  fc.constantFrom<unknown[]>(new Date(), new Map(), Symbol('s'), 1n, new (class Settings {})(), Object('text')),
);
const changes = fc.array(
  fc.record({ path: fc.constantFrom(...pathsOf(everything)), extra: fc.constantFrom('', '', '', 'unknown'), odd }),
  { minLength: 1, maxLength: 3 },
);

describe('The rules of the settings', () => {
  const schema = settingsRules.schema();

  it('the rules of the settings hold for settings that name every setting', () => {
    expect(settingsRules.holds(everything)).to.equal(true);
    expect(schema.isValidSync(everything, { strict: true })).to.equal(true);
  });

  const noLists: Record<string, object> = {
    encodings: { encodings: 5 },
    fields: { fields: 5, empty: 'left-out' },
    also: { ...reading, also: [{ encodings: 'utf8' }] },
  };
  for (const [where, sha1] of Object.entries(noLists)) {
    it(`the rules of the settings refuse a value in wire that must be a list: ${where}`, () => {
      const settings = { ...everything, wire: { payment: { sha1 } } };
      expect(settingsRules.holds(settings)).to.equal(false);
      expect(settingProblems(settings as never)[0]?.problem).to.equal('must be a list with at least one item');
    });
  }

  it('the rules of the settings hold for exactly what their yup schema accepts', () => {
    const verdicts = { true: 0, false: 0 };
    fc.assert(
      fc.property(changes, (made) => {
        const settings = made.reduce<unknown>(
          (before, { path, extra, odd: value }) => replaced(before, extra === '' ? path : [...path, extra], value),
          everything,
        );
        const holds = settingsRules.holds(settings);
        verdicts[`${holds}`]++;
        expect(holds).to.equal(schema.isValidSync(settings, { strict: true }));
      }),
      { numRuns: 2000 },
    );
    expect(Math.min(verdicts.true, verdicts.false), 'both verdicts occur').to.be.greaterThan(20);
  });
});
